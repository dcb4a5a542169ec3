"""Hosts for placements, compared with trying every choice."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement, product
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.placement.servers import (
    Constraints,
    ConstraintsNotMet,
    NotEnoughHosts,
    Policy,
    Readiness,
    UnitHosts,
    choose_hosts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gpu_capacity.placement.hosts import HostGrant

HOSTS: Final = 4
UNITS_MAX: Final = 4
WHOLE: Final = (1 << HOSTS) - 1
PACK, SPREAD = Constraints(Policy.PACK), Constraints(Policy.SPREAD, best_effort=True)
SEED: Final = 7


def _unit(position: int, free: int, ready: int | None = None) -> UnitHosts:
    """A unit with so many free hosts, of which so many are ready; those that are ready are not the lowest."""
    ready = free if ready is None else ready
    return UnitHosts("a", position, WHOLE, (1 << free) - 1, ((1 << ready) - 1) << (free - ready))


def _reservations(kinds: Sequence[tuple[int, int]]) -> Iterator[list[UnitHosts]]:
    """Every reservation of units of these kinds, (free, ready), but for the order of its units."""
    for number in range(1, UNITS_MAX + 1):
        for chosen in combinations_with_replacement(kinds, number):
            yield [_unit(position, *kind) for position, kind in enumerate(chosen)]


ALL_READY: Final = [(free, free) for free in range(HOSTS + 1)]
EVERY_KIND: Final = [(free, ready) for free in range(HOSTS + 1) for ready in range(free + 1)]


def _best(units: Sequence[UnitHosts]) -> dict[tuple[Policy, int], tuple[int, ...]]:
    """The best rank of all distributions of hosts over units, by policy and number of hosts."""
    best: dict[tuple[Policy, int], tuple[int, ...]] = {}
    for parts in product(*map(_parts, units)):
        count, *sums = map(sum, zip(*parts, strict=True))
        for policy, rank in _ranks(*sums).items():
            best[policy, count] = min(best.get((policy, count), rank), rank)
    return best


@cache
def _parts(unit: UnitHosts) -> list[tuple[int, ...]]:
    """What each number of hosts that a unit gives adds to the sums, with as many ready ones as possible."""
    size, ready = unit.free.bit_count(), (unit.free & unit.ready).bit_count()
    return [_part(number, min(number, ready), size, whole=unit.is_whole) for number in range(size + 1)]


def _part(number: int, ready: int, size: int, *, whole: bool) -> tuple[int, ...]:
    rest = size - number
    return (number, number > 0, -ready, number > 0 and whole, rest * (number > 0), number**2, rest**2)


def _ranks(
    domains: int, ready: int, broken: int, beside: int, squares: int, left: int
) -> dict[Policy, tuple[int, ...]]:
    """The concerns in their order. The sum of squares is least when hosts are spread level by level."""
    return {Policy.PACK: (domains, ready, broken, beside), Policy.SPREAD: (squares, ready, broken, left)}


def _rank(policy: Policy, units: Sequence[UnitHosts], grants: Sequence[HostGrant]) -> tuple[int, ...]:
    """The rank of a choice, from the hosts themselves."""
    masks = {grant.position: grant.hosts for grant in grants}
    parts = []
    for unit in units:
        mask = masks.get(unit.position, 0)
        ready = (mask & unit.ready).bit_count()
        parts.append(_part(mask.bit_count(), ready, unit.free.bit_count(), whole=unit.is_whole))
    _, *sums = map(sum, zip(*parts, strict=True))
    return _ranks(*sums)[policy]


def _evenness(units: Sequence[UnitHosts]) -> dict[int, set[tuple[int, int]]]:
    """The skew and the number of domains of every distribution, by number of hosts."""
    found: dict[int, set[tuple[int, int]]] = {}
    for taken in product(*(range(unit.free.bit_count() + 1) for unit in units)):
        pair = max(taken) - min(taken), sum(number > 0 for number in taken)
        found.setdefault(sum(taken), set()).add(pair)
    return found


def _chosen(
    units: Sequence[UnitHosts], count: int, constraints: Constraints, readiness: Readiness = Readiness.PREFER
) -> tuple[HostGrant, ...]:
    chosen = choose_hosts(units, count, constraints, readiness, SEED)
    assert isinstance(chosen, tuple)
    return chosen


@pytest.mark.slow
def test_every_choice_of_every_small_reservation_is_the_best_one() -> None:
    for units in _reservations(EVERY_KIND):
        best = _best(units)
        free = sum(unit.free.bit_count() for unit in units)
        for count in range(1, free + 1):
            for constraints in (PACK, SPREAD):
                grants = _chosen(units, count, constraints)
                assert _rank(constraints.policy, units, grants) == best[constraints.policy, count]
                assert sum(grant.count for grant in grants) == count
                assert all(grant.hosts & ~units[grant.position].free == 0 for grant in grants)


def test_a_spread_is_found_exactly_when_some_choice_meets_its_constraints() -> None:
    for units in _reservations(ALL_READY):
        evenness = _evenness(units)
        for count in range(1, sum(unit.free.bit_count() for unit in units) + 1):
            for max_skew, min_domains in product((None, 1, 2, 3), (None, 1, 2, 3, 4)):
                possible = any(
                    (max_skew is None or skew <= max_skew) and (min_domains is None or domains >= min_domains)
                    for skew, domains in evenness[count]
                )
                wanted = Constraints(Policy.SPREAD, max_skew, min_domains)
                found = choose_hosts(units, count, wanted, Readiness.PREFER, SEED)
                assert isinstance(found, tuple if possible else ConstraintsNotMet)


def test_best_effort_takes_what_is_nearest_to_constraints_that_cannot_be_met() -> None:
    for units in _reservations(ALL_READY):
        evenness = _evenness(units)
        for count in range(1, sum(unit.free.bit_count() for unit in units) + 1):
            grants = _chosen(units, count, Constraints(Policy.SPREAD, 1, count, best_effort=True))
            taken = [grant.count for grant in grants] + [0] * (len(grants) < len(units))
            assert max(taken) - min(taken) == min(skew for skew, _ in evenness[count])
            assert len(grants) == max(domains for _, domains in evenness[count])


def test_required_readiness_leaves_only_ready_hosts_to_choose_from() -> None:
    for units in _reservations(EVERY_KIND):
        ready = [replace(unit, hosts=WHOLE << HOSTS, free=unit.free & unit.ready) for unit in units]
        count = sum(unit.free.bit_count() for unit in ready)
        found = choose_hosts(units, count + 1, PACK, Readiness.REQUIRE, SEED)
        assert isinstance(found, NotEnoughHosts)
        assert found.available == count
        if count:
            grants = _chosen(units, count, SPREAD, Readiness.REQUIRE)
            assert [grant.hosts for grant in grants] == [unit.free for unit in ready if unit.free]


def test_required_readiness_is_not_relaxed_by_best_effort() -> None:
    assert isinstance(
        choose_hosts([_unit(0, 4, 1), _unit(1, 4, 4)], 6, SPREAD, Readiness.REQUIRE, SEED), NotEnoughHosts
    )


def test_ignored_readiness_changes_nothing() -> None:
    for units in _reservations(EVERY_KIND):
        count = sum(unit.free.bit_count() for unit in units) // 2
        for constraints in (PACK, SPREAD) if count else ():
            all_ready = [replace(unit, ready=WHOLE) for unit in units]
            assert _chosen(units, count, constraints, Readiness.IGNORE) == _chosen(
                all_ready, count, constraints, Readiness.IGNORE
            )


def test_the_fewest_domains_matter_more_than_ready_hosts() -> None:
    (grant,) = _chosen([_unit(0, 2, 2), _unit(1, 2, 2), _unit(2, 4, 0)], 4, PACK)
    assert grant.position == 2


def test_a_domain_that_is_in_use_is_filled_before_a_whole_one_is_broken() -> None:
    (grant,) = _chosen([_unit(0, 4), _unit(1, 3), _unit(2, 4)], 2, PACK)
    assert grant.position == 1


def test_all_but_the_last_domain_of_a_pack_are_filled() -> None:
    assert [grant.count for grant in _chosen([_unit(0, 4), _unit(1, 4), _unit(2, 4)], 6, PACK)] in (
        [4, 2],
        [2, 4],
    )


def test_a_full_domain_counts_in_the_skew() -> None:
    units = [_unit(0, 0), _unit(1, 4), _unit(2, 4)]
    found = choose_hosts(units, 4, Constraints(Policy.SPREAD, max_skew=1), Readiness.PREFER, SEED)
    assert isinstance(found, ConstraintsNotMet)
    assert found.skew == 2


def test_the_seed_decides_between_equal_domains() -> None:
    units = [_unit(position, 4) for position in range(4)]
    for constraints in (PACK, SPREAD):
        chosen = {choose_hosts(units, 2, constraints, Readiness.PREFER, seed) for seed in range(40)}
        assert len(chosen) > 3


def test_the_order_of_units_has_no_effect() -> None:
    chance = Random(1)  # noqa: S311 - no secret
    for _ in range(200):
        units = [
            UnitHosts(
                f"pod-{position % 2}", position, (1 << 18) - 1, chance.getrandbits(18), chance.getrandbits(18)
            )
            for position in range(6)
        ]
        shuffled = chance.sample(units, len(units))
        for constraints, readiness in product((PACK, SPREAD), Readiness):
            wanted = constraints, readiness, SEED
            assert choose_hosts(units, 12, *wanted) == choose_hosts(shuffled, 12, *wanted)


def test_grants_come_by_pod_and_position() -> None:
    units = [replace(_unit(position, 4), pod_id=pod) for pod in "ba" for position in (3, 1)]
    places = [(grant.pod_id, grant.position) for grant in _chosen(units, 12, SPREAD)]
    assert places == [("a", 1), ("a", 3), ("b", 1), ("b", 3)]


def test_too_few_hosts_are_explained() -> None:
    found = choose_hosts([_unit(0, 4), _unit(1, 1)], 6, PACK, Readiness.PREFER, SEED)
    assert isinstance(found, NotEnoughHosts)
    assert not found.is_lasting
    assert found.describe() == (
        "not enough free hosts: 6 requested, 5 of 8 available (excluded: 3 held by placements); "
        "it may fit later: ask for at most 5, or delete a placement"
    )


def test_hosts_that_are_not_ready_are_counted_where_they_have_to_be() -> None:
    found = choose_hosts([_unit(0, 4, 1), _unit(1, 2, 0)], 5, PACK, Readiness.REQUIRE, SEED)
    assert isinstance(found, NotEnoughHosts)
    assert not found.is_lasting
    assert found.describe() == (
        "not enough free hosts: 5 requested, 1 of 8 available (excluded: 2 held by placements, 5 not ready); "
        "it may fit later: ask for at most 1, or wait until more are ready, or take others with the "
        "readiness policy Prefer"
    )


def test_so_many_ready_hosts_of_each_unit_stay_free_as_are_kept_spare() -> None:
    """Of all choices that leave them, the best one is made: it is that among the hosts that may be taken."""
    for units in _reservations(EVERY_KIND):
        for spare, constraints in product((1, 2), (PACK, SPREAD)):
            keeping = [replace(unit, spare=spare) for unit in units]
            most = sum(u.free.bit_count() - min(spare, (u.free & u.ready).bit_count()) for u in units)
            refused = choose_hosts(keeping, most + 1, constraints, Readiness.PREFER, SEED)
            assert isinstance(refused, NotEnoughHosts)
            assert refused.available == most
            if not most:
                continue
            taken = {grant.position: grant.hosts for grant in _chosen(keeping, most, constraints)}
            for unit in units:
                fit = unit.free & unit.ready
                left = fit & ~taken.get(unit.position, 0)
                assert left.bit_count() == min(spare, fit.bit_count())


def test_a_choice_beside_spare_hosts_is_the_one_without_them() -> None:
    for units in _reservations(EVERY_KIND):
        keeping = [replace(unit, spare=1) for unit in units]
        left = [replace(unit, free=unit.free & ~unit.set_aside) for unit in keeping]
        for count in range(1, sum(unit.free.bit_count() for unit in left) + 1):
            for constraints, readiness in product((PACK, SPREAD), (Readiness.PREFER, Readiness.IGNORE)):
                grants = _chosen(keeping, count, constraints, readiness)
                assert [grant.count for grant in grants]
                assert all(grant.hosts & ~left[grant.position].free == 0 for grant in grants)
                assert sum(grant.count for grant in grants) == count


def test_spare_hosts_are_counted_in_a_refusal() -> None:
    units = [replace(_unit(0, 4, 3), spare=1), replace(_unit(1, 1), spare=1)]
    found = choose_hosts(units, 4, PACK, Readiness.PREFER, SEED)
    assert isinstance(found, NotEnoughHosts)
    assert not found.is_lasting
    assert found.describe() == (
        "not enough free hosts: 4 requested, 3 of 8 available (excluded: 3 held by placements, 2 left free "
        "as spares); it may fit later: ask for at most 3, or delete a placement"
    )
    lasting = choose_hosts(units, 7, PACK, Readiness.REQUIRE, SEED)
    assert isinstance(lasting, NotEnoughHosts)
    assert lasting.is_lasting
    assert lasting.describe().endswith(
        "the reservation has no more beside its spare hosts, so it can never fit"
    )


def test_a_spread_that_spare_hosts_prevent_for_ever_is_said_to_be_lasting() -> None:
    units = [replace(UnitHosts("a", 0, 0b1, 0b1, 0b1), spare=1), replace(_unit(1, 4), spare=1)]
    found = choose_hosts(units, 3, Constraints(Policy.SPREAD, min_domains=2), Readiness.PREFER, SEED)
    assert isinstance(found, ConstraintsNotMet)
    assert found.is_lasting


def test_more_hosts_than_the_reservation_has_can_never_fit() -> None:
    for units, count in (([_unit(0, 4), _unit(1, 3)], 9), ([], 1)):
        found = choose_hosts(units, count, PACK, Readiness.REQUIRE, SEED)
        assert isinstance(found, NotEnoughHosts)
        assert found.is_lasting
        assert found.describe().endswith("the reservation has no more, so it can never fit")


def test_constraints_that_are_not_met_are_explained() -> None:
    wanted = Constraints(Policy.SPREAD, max_skew=2, min_domains=2)
    found = choose_hosts([_unit(0, 0), _unit(1, 4)], 4, wanted, Readiness.PREFER, SEED)
    assert isinstance(found, ConstraintsNotMet)
    assert not found.is_lasting
    assert found.describe() == (
        "4 hosts of the reservation cannot meet the constraints: the least skew is 4, and maxSkew is 2; "
        "hosts in at most 1 domain, and minDomains is 2; other free hosts may change that: "
        "raise maxSkew to 4 and lower minDomains to 1, or send whenUnsatisfiable bestEffort"
    )


def test_constraints_that_the_reservation_can_never_meet_say_so() -> None:
    wanted = Constraints(Policy.SPREAD, min_domains=3)
    found = choose_hosts([_unit(0, 4), _unit(1, 1)], 4, wanted, Readiness.PREFER, SEED)
    assert isinstance(found, ConstraintsNotMet)
    assert found.is_lasting
    assert found.describe() == (
        "4 hosts of the reservation cannot meet the constraints: hosts in at most 2 domains, and minDomains "
        "is 3; no choice of its hosts can: lower minDomains to 2, or send whenUnsatisfiable bestEffort"
    )

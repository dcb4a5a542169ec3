"""The host to which a server moves, compared with trying every host."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement, product
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.placement.replacement import choose_replacement
from gpu_capacity.placement.servers import Policy, UnitHosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.placement.hosts import HostGrant

HOSTS: Final = 3
WHOLE: Final = (1 << HOSTS) - 1
SEED: Final = 7
# (free, ready) masks of a unit, and how many of its other hosts are the placement's own.
KINDS: Final = [(free, ready) for free in range(WHOLE + 1) for ready in (0, free, free & 0b10, free & 0b101)]


def _worth(unit: UnitHosts, home: int, own: Mapping[int, int], policy: Policy) -> tuple[bool, int, bool, int]:
    """How good a host of a unit is, least first, written from the concerns and not from the code."""
    hosts_there = own.get(unit.position, 0)
    free = sum(unit.free >> slot & 1 for slot in range(HOSTS))
    untouched = unit.free == unit.hosts
    if policy is Policy.PACK:
        return unit.position != home, hosts_there == 0, untouched, -free
    return unit.position != home, hosts_there, untouched, -free


def _best(
    units: Sequence[UnitHosts], home: int, own: Mapping[int, int], policy: Policy
) -> tuple[bool, int, bool, int] | None:
    """The best worth of all fit free hosts, each tried by itself."""
    tried = [
        _worth(unit, home, own, policy)
        for unit in units
        for slot in range(HOSTS)
        if unit.free >> slot & 1 and unit.ready >> slot & 1
    ]
    return min(tried, default=None)


def _units(kinds: Sequence[tuple[int, int]]) -> list[UnitHosts]:
    return [UnitHosts("a", position, WHOLE, *kind) for position, kind in enumerate(kinds)]


def _is_fit(grant: HostGrant, units: Sequence[UnitHosts]) -> bool:
    unit = next(unit for unit in units if unit.position == grant.position)
    return grant.count == 1 and grant.hosts & unit.free & unit.ready == grant.hosts


@pytest.mark.parametrize("policy", list(Policy))
def test_every_choice_in_every_small_reservation_is_the_best_one(policy: Policy) -> None:
    for kinds in combinations_with_replacement(sorted(set(KINDS)), 3):
        units = _units(kinds)
        most = [HOSTS - unit.free.bit_count() for unit in units]
        for home, own in product(range(3), ({}, dict(enumerate(most)), {1: most[1]}, {2: most[2]})):
            chosen = choose_replacement(units, home, own, policy, SEED)
            best = _best(units, home, own, policy)
            if best is None:
                assert chosen is None
                continue
            assert chosen is not None
            assert _is_fit(chosen, units)
            assert _worth(units[chosen.position], home, own, policy) == best


def test_the_domain_matters_more_than_all_else() -> None:
    units = [UnitHosts("a", 0, WHOLE, WHOLE, 0b100), UnitHosts("a", 1, WHOLE, 0b1, 0b1)]
    chosen = choose_replacement(units, 0, {1: 2}, Policy.PACK, SEED)
    assert chosen is not None
    assert (chosen.position, chosen.hosts) == (0, 0b100)


def test_spare_hosts_are_for_this() -> None:
    units = [replace(UnitHosts("a", 0, WHOLE, 0b11, 0b11), spare=2)]
    assert choose_replacement(units, 0, {0: 1}, Policy.PACK, SEED) is not None


def test_the_order_of_units_has_no_effect_and_the_seed_decides_between_equal_ones() -> None:
    units = [UnitHosts("a", position, WHOLE, WHOLE, WHOLE) for position in range(4)]
    chance = Random(1)  # noqa: S311 - no secret
    chosen = set()
    for seed in range(40):
        found = choose_replacement(units, 9, {}, Policy.SPREAD, seed)
        assert found == choose_replacement(chance.sample(units, 4), 9, {}, Policy.SPREAD, seed)
        chosen.add(found)
    assert len(chosen) == 4

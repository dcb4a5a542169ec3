"""Which hosts a claim gets: whole domains and long runs are kept, and every free host can be found."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.capacity_claims.rounds import (
    DOMAINS_PER_POD_ROUND_MAX,
    DOMAINS_PER_ROUND_MAX,
    PODS_PER_ROUND_MAX,
)
from gpu_capacity.placement.hosts import (
    HostDomain,
    HostGrant,
    HostRequest,
    RoundBudget,
    free_hosts,
    place_hosts,
)
from testkit.searching import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HOSTS = 3
FULL = (1 << HOSTS) - 1
PLENTY = RoundBudget(pods=1000, domains=10_000, domains_per_pod=1000)
SECONDS_MAX = 3.0
"""Far above what the largest zone takes; a quadratic algorithm takes minutes."""


def unit(pod: str, position: int, owned: int = 0) -> HostDomain:
    return HostDomain(pod, position, FULL, owned, sellable=True)


def broken(pod: str, position: int, usable: int) -> HostDomain:
    return HostDomain(pod, position, usable, 0, sellable=False)


def place(
    domains: Iterable[HostDomain],
    count: int,
    *,
    seed: int = 1,
    attempt: int = 0,
    budget: RoundBudget = PLENTY,
) -> tuple[HostGrant, ...]:
    return place_hosts(domains, HostRequest(count, budget, seed, attempt))


def places(grants: Sequence[HostGrant]) -> list[tuple[str, int]]:
    return [(grant.pod_id, grant.position) for grant in grants]


@st.composite
def worlds(draw: st.DrawFn) -> list[HostDomain]:
    """Up to five domains in up to three pods, in every state."""
    spots = draw(st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=5))
    masks = st.integers(0, FULL)
    domains = []
    for pod, position in sorted(spots):
        usable = draw(st.one_of(st.just(FULL), masks))
        owned = draw(st.one_of(st.just(0), st.just(-1), masks))
        domains.append(
            HostDomain(pod, position, usable, owned, sellable=usable == FULL and draw(st.booleans()))
        )
    return domains


budgets = st.builds(
    RoundBudget, pods=st.integers(1, 4), domains=st.integers(1, 6), domains_per_pod=st.integers(1, 4)
)
counts = st.integers(0, 12)
seeds = st.integers(0, 2**64 - 1)
attempts = st.integers(0, 3)


@given(worlds(), counts, seeds, attempts)
@examples(150)
def test_placement_opens_as_few_fresh_units_as_any_allocation_of_that_many_hosts_can(
    domains: list[HostDomain], count: int, seed: int, attempt: int
) -> None:
    grants = place(domains, count, seed=seed, attempt=attempt)
    opened = len(set(places(grants)) & {(d.pod_id, d.position) for d in domains if d.is_fresh_unit})
    # Every way to take hosts from domains, counted by (instances, fresh units opened).
    ways = {
        (sum(taken), sum(1 for d, n in zip(domains, taken, strict=True) if n and d.is_fresh_unit))
        for taken in product(*(range(d.free.bit_count() + 1) for d in domains))
    }
    best = max(total for total, _ in ways if total <= count)
    assert sum(grant.count for grant in grants) == best
    assert opened == min(fresh for total, fresh in ways if total == best)


@given(worlds(), counts, seeds, attempts, budgets)
@examples(300)
def test_only_free_hosts_are_taken_each_once_and_never_more_than_the_round_allows(
    domains: list[HostDomain], count: int, seed: int, attempt: int, budget: RoundBudget
) -> None:
    grants = place(domains, count, seed=seed, attempt=attempt, budget=budget)
    by_place = {(d.pod_id, d.position): d for d in domains}
    assert len(set(places(grants))) == len(grants)
    for grant in grants:
        assert grant.hosts
        assert grant.hosts & ~by_place[grant.pod_id, grant.position].free == 0
    assert sum(grant.count for grant in grants) <= count
    pods = [grant.pod_id for grant in grants]
    assert len(set(pods)) <= budget.pods
    assert len(grants) <= budget.domains
    assert all(pods.count(pod) <= budget.domains_per_pod for pod in pods)


@given(worlds(), counts, seeds, attempts, budgets)
@examples(200)
def test_rounds_with_any_budget_together_take_as_many_hosts_as_one_without_limits(
    domains: list[HostDomain], count: int, seed: int, attempt: int, budget: RoundBudget
) -> None:
    left, total = list(domains), 0
    while grants := place(left, count - total, seed=seed, attempt=attempt, budget=budget):
        total += sum(grant.count for grant in grants)
        taken = {(g.pod_id, g.position): g.hosts for g in grants}
        left = [
            HostDomain(
                d.pod_id, d.position, d.usable, d.owned | taken.get((d.pod_id, d.position), 0), d.sellable
            )
            for d in left
        ]
    assert total == min(count, free_hosts(domains))


@given(worlds(), counts, seeds, attempts, budgets)
@examples(200)
def test_no_fresh_unit_is_opened_while_another_free_host_is_left(
    domains: list[HostDomain], count: int, seed: int, attempt: int, budget: RoundBudget
) -> None:
    grants = place(domains, count, seed=seed, attempt=attempt, budget=budget)
    taken = {(g.pod_id, g.position): g.hosts for g in grants}
    fresh = {(d.pod_id, d.position) for d in domains if d.is_fresh_unit}
    spoilt = [d for d in domains if not d.is_fresh_unit]
    if taken.keys() & fresh:
        assert all(d.free & ~taken.get((d.pod_id, d.position), 0) == 0 for d in spoilt)


@given(st.data(), worlds(), counts, seeds, attempts, budgets)
@examples(100)
def test_the_order_of_the_domains_does_not_matter(
    data: st.DataObject, domains: list[HostDomain], count: int, seed: int, attempt: int, budget: RoundBudget
) -> None:
    shuffled = data.draw(st.permutations(domains))
    assert place(shuffled, count, seed=seed, attempt=attempt, budget=budget) == place(
        domains, count, seed=seed, attempt=attempt, budget=budget
    )


def test_the_fullest_partly_owned_domain_comes_first() -> None:
    domains = [unit("a", 0, owned=0b001), unit("b", 0, owned=0b011), unit("c", 0)]
    assert places(place(domains, 1)) == [("b", 0)]
    assert places(place(domains, 3)) == [("b", 0), ("a", 0)]
    assert places(place(domains, 4)) == [("b", 0), ("a", 0), ("c", 0)]


def test_a_partly_owned_domain_comes_before_a_broken_one_and_that_before_a_fresh_unit() -> None:
    domains = [unit("a", 0), broken("a", 1, usable=0b001), unit("a", 2, owned=0b001)]
    assert places(place(domains, 4)) == [("a", 2), ("a", 1), ("a", 0)]


def test_among_equally_full_domains_one_in_a_pod_that_changes_anyway_comes_first() -> None:
    partly = [unit(pod, position, owned=1) for pod in "abcdef" for position in (0, 1)]
    for seed in range(20):
        grants = place([*partly, unit("c", 7, owned=0b011)], 5, seed=seed)
        assert [grant.pod_id for grant in grants] == ["c", "c", "c"]


@pytest.mark.parametrize(
    "budget", [RoundBudget(1, 9, 9), RoundBudget(9, 9, 1)], ids=["pods", "domains of a pod"]
)
def test_a_round_that_cannot_use_every_partly_owned_domain_opens_no_fresh_unit(budget: RoundBudget) -> None:
    both = [unit("a", 0, owned=0b011), unit("a", 1), unit("a", 2, owned=0b001), unit("b", 0)]
    one_pod = [unit("a", 0, owned=0b011), unit("a", 1), unit("b", 0, owned=0b001)]
    for seed in range(10):
        assert places(place(one_pod if budget.pods == 1 else both, 9, seed=seed, budget=budget)) == [("a", 0)]


def test_fresh_units_come_from_the_fullest_pod_that_can_provide_all() -> None:
    domains = [
        *(unit("four", n) for n in range(4)),
        *(unit("two", n) for n in range(2)),
        unit("one", 0),
    ]
    for seed in range(10):
        assert {g.pod_id for g in place(domains, 3, seed=seed)} == {"one"}
        assert {g.pod_id for g in place(domains, 4, seed=seed)} == {"two"}
        assert {g.pod_id for g in place(domains, 7, seed=seed)} == {"four"}


def test_where_no_pod_can_provide_all_as_few_pods_as_possible_change() -> None:
    domains = [unit(pod, n) for pod, size in (("a", 3), ("b", 2), ("c", 1), ("d", 1)) for n in range(size)]
    assert {grant.pod_id for grant in place(domains, 12)} == {"a", "c"} or {
        grant.pod_id for grant in place(domains, 12)
    } == {"a", "d"}
    assert {grant.pod_id for grant in place(domains, 15)} == {"a", "b"}


def test_in_a_pod_short_runs_are_used_first_and_a_long_one_from_its_end() -> None:
    long, short = [unit("a", n) for n in range(5)], [unit("a", 7), unit("a", 8)]
    for seed in range(10):
        assert {g.position for g in place([*long, *short], 6, seed=seed)} == {7, 8}
        third = places(place([*long, *short], 9, seed=seed))[2]
        assert third in {("a", 0), ("a", 4)}


def test_different_seeds_choose_different_equally_full_pods_and_one_seed_always_the_same() -> None:
    domains = [unit(f"pod{n}", 0) for n in range(8)]
    chosen = {places(place(domains, 1, seed=seed))[0] for seed in range(200)}
    assert len(chosen) == 8
    assert len({place(domains, 1, seed=7) for _ in range(3)}) == 1


def test_after_a_lost_race_claims_spread_over_the_partly_owned_domains() -> None:
    domains = [unit("a", 0, owned=0b011), *(unit(f"pod{n}", 0, owned=0b001) for n in range(7))]
    first = {places(place(domains, 1, seed=seed))[0] for seed in range(100)}
    again = {places(place(domains, 1, seed=seed, attempt=1))[0] for seed in range(100)}
    assert first == {("a", 0)}
    assert len(again) == 8


def test_domains_that_are_owned_whole_provide_nothing() -> None:
    assert place([unit("a", 0, owned=-1)], 3) == ()


@pytest.mark.parametrize("hosts", [1, 18])
def test_the_largest_zone_is_decided_quickly(hosts: int) -> None:
    usable = (1 << hosts) - 1
    domains = [
        HostDomain(
            f"pod{pod:04}",
            position,
            usable,
            owned=1 if hosts > 1 and position % 3 == 0 else 0,
            sellable=True,
        )
        for pod in range(1000)
        for position in range(72)
    ]
    budget = RoundBudget(PODS_PER_ROUND_MAX, DOMAINS_PER_ROUND_MAX, DOMAINS_PER_POD_ROUND_MAX)
    begun = time.process_time()
    grants = place(domains, 4000, budget=budget)
    assert time.process_time() - begun < SECONDS_MAX
    assert len(grants) == min(DOMAINS_PER_ROUND_MAX, -(-4000 // max(hosts - 1, 1)))

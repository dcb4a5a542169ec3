"""Limits of a round, masks of a domain, and details of the order in which hosts are taken."""

from __future__ import annotations

import pytest

from gpu_capacity.placement.hosts import (
    HostDomain,
    HostGrant,
    HostRequest,
    RoundBudget,
    free_hosts,
    place_hosts,
)

PLENTY = RoundBudget(pods=100, domains=100, domains_per_pod=100)


def _unit(pod_id: str, position: int, owned: int = 0) -> HostDomain:
    return HostDomain(pod_id, position, usable=0b111, owned=owned, sellable=True)


def _places(grants: tuple[HostGrant, ...]) -> list[tuple[str, int]]:
    return [(grant.pod_id, grant.position) for grant in grants]


# What a round may change.


def test_the_budget_shrinks_by_each_pod_once_and_by_each_domain() -> None:
    budget = RoundBudget(pods=5, domains=9, domains_per_pod=4)
    grants = [HostGrant("a", 0, 0b1), HostGrant("a", 1, 0b1), HostGrant("b", 0, 0b111)]

    assert budget.without(grants) == RoundBudget(pods=3, domains=6, domains_per_pod=4)


@pytest.mark.parametrize(
    ("pods", "domains", "used_up"), [(0, 1, True), (1, 0, True), (0, 0, True), (1, 1, False), (5, 5, False)]
)
def test_the_budget_is_used_up_when_no_pod_or_no_domain_is_left(
    pods: int, domains: int, *, used_up: bool
) -> None:
    assert RoundBudget(pods, domains, domains_per_pod=1).is_used_up is used_up


def test_without_budget_nothing_is_taken() -> None:
    assert place_hosts([_unit("a", 0)], HostRequest(1, RoundBudget(0, 9, 9), seed=1)) == ()
    assert place_hosts([_unit("a", 0)], HostRequest(1, RoundBudget(9, 0, 9), seed=1)) == ()
    assert place_hosts([_unit("a", 0)], HostRequest(1, RoundBudget(9, 9, 0), seed=1)) == ()


def test_a_round_stops_at_its_limit_of_domains() -> None:
    domains = [_unit("a", position) for position in range(4)]

    assert len(place_hosts(domains, HostRequest(12, RoundBudget(9, 3, 9), seed=1))) == 3


def test_a_pod_that_is_changed_already_may_be_changed_again_when_no_other_may() -> None:
    domains = [_unit("a", 0, owned=0b011), _unit("a", 1, owned=0b001), _unit("b", 0, owned=0b011)]

    taken = place_hosts(domains, HostRequest(9, RoundBudget(pods=1, domains=9, domains_per_pod=9), seed=2))

    assert _places(taken) in ([("a", 0), ("a", 1)], [("b", 0)])


# Masks.


def test_free_hosts_are_usable_and_not_owned() -> None:
    domain = HostDomain("a", 0, usable=0b1011, owned=0b0110, sellable=False)

    assert domain.free == 0b1001
    assert free_hosts([domain, _unit("b", 0)]) == 5


@pytest.mark.parametrize(
    ("sellable", "owned", "fresh"), [(True, 0, True), (True, 1, False), (False, 0, False)]
)
def test_a_fresh_unit_is_one_that_can_be_sold_whole(owned: int, *, sellable: bool, fresh: bool) -> None:
    assert HostDomain("a", 0, 0b111, owned, sellable).is_fresh_unit is fresh


def test_the_lowest_free_hosts_are_taken() -> None:
    domain = HostDomain("a", 0, usable=0b1111, owned=0b0010, sellable=True)

    assert place_hosts([domain], HostRequest(2, PLENTY, seed=1)) == (HostGrant("a", 0, 0b0101),)
    assert place_hosts([domain], HostRequest(9, PLENTY, seed=1)) == (HostGrant("a", 0, 0b1101),)


# Order.


def test_fresh_units_provide_only_what_partly_owned_and_broken_domains_do_not() -> None:
    """Two hosts of the four come from elsewhere, so the smaller pod can provide the rest and is the fuller
    one.
    """
    spoilt = [_unit("a", 0, owned=0b011), HostDomain("b", 0, 0b001, 0, sellable=False)]
    fresh = [_unit("c", 0), *(_unit("d", position) for position in range(2))]

    taken = place_hosts([*spoilt, *fresh], HostRequest(4, PLENTY, seed=3))

    assert _places(taken) == [("a", 0), ("b", 0), ("c", 0)]


def test_a_pod_with_exactly_the_required_hosts_can_provide_all() -> None:
    domains = [_unit("a", 0), *(_unit("b", position) for position in range(5))]

    assert _places(place_hosts(domains, HostRequest(3, PLENTY, seed=1))) == [("a", 0)]


def test_of_runs_of_one_length_the_first_in_the_pod_is_used_first() -> None:
    domains = [_unit("a", position) for position in (8, 3, 7, 2, 11)]

    taken = place_hosts(domains, HostRequest(9, PLENTY, seed=1))

    assert taken[0].position == 11
    assert {grant.position for grant in taken[1:]} == {2, 3}


def test_a_run_is_used_from_the_end_that_the_seed_chooses() -> None:
    domains = [_unit("a", position) for position in range(3)]

    first = {place_hosts(domains, HostRequest(1, PLENTY, seed))[0].position for seed in range(20)}

    assert first == {0, 2}


def test_domains_of_an_unchanged_pod_come_in_order_of_position() -> None:
    domains = [_unit("a", position, owned=0b001) for position in (4, 1, 3)]

    assert _places(place_hosts(domains, HostRequest(9, PLENTY, seed=1))) == [("a", 1), ("a", 3), ("a", 4)]

"""The record of a claim: its sums, what it gives back first, and conditions whose times change only with
them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.capacity_claims.record import (
    CapacityClaim,
    ClaimStatus,
    ZoneReason,
    conditions_of,
    settled_status,
)
from gpu_capacity.capacity_claims.rounds import (
    DOMAINS_PER_POD_ROUND_MAX,
    DOMAINS_PER_ROUND_MAX,
    PODS_PER_ROUND_MAX,
    to_give_back,
)
from testkit.claims import CHICAGO, LONDON, NOW, TEXAS, owned, record
from testkit.searching import examples


def given_back(claim: CapacityClaim) -> list[tuple[str, str, int, int]]:
    return [(a.zone, a.pod_id, a.position, a.hosts) for a in to_give_back(claim)]


allocations = st.lists(
    st.builds(
        owned,
        st.sampled_from([LONDON, CHICAGO, TEXAS]),
        st.sampled_from("ab"),
        st.integers(0, 3),
        st.integers(1, 7),
    ),
    max_size=8,
    unique_by=lambda a: a.domain,
)
zone_lists = st.permutations([LONDON, CHICAGO, TEXAS]).flatmap(
    lambda zones: st.integers(1, 3).map(lambda n: tuple(zones[:n]))
)
claims = st.builds(
    lambda found, count, zones, status: record(count, *found, zones=zones, status=status),
    allocations,
    st.integers(1, 20),
    zone_lists,
    st.sampled_from([s for s in ClaimStatus if s is not ClaimStatus.GONE]),
)


@given(claims)
@examples(200)
def test_allocated_and_pending_add_up_to_the_count_and_the_rest_is_surplus(claim: CapacityClaim) -> None:
    assert claim.allocated + claim.pending == claim.instance_count
    assert claim.allocated + claim.surplus == claim.owned
    assert min(claim.allocated, claim.pending, claim.surplus) >= 0


@given(claims)
@examples(200)
def test_giving_back_ends_with_exactly_the_requested_number_and_keeps_every_needed_host(
    claim: CapacityClaim,
) -> None:
    before = claim
    while giving := to_give_back(claim):
        later = claim.without_hosts(giving)
        assert later.owned == claim.owned - sum(a.count for a in giving)
        claim = later
    if claim.status is ClaimStatus.DELETING:
        assert claim.allocations == ()
    else:
        assert claim.allocated == before.allocated
        assert claim.surplus == 0


@given(claims)
@examples(100)
def test_taking_and_giving_back_the_same_hosts_changes_nothing(claim: CapacityClaim) -> None:
    more = (owned(TEXAS, "new", 0, 0b101), owned(LONDON, "new", 1, 0b1))
    tidy = claim.with_hosts(())
    assert tidy.with_hosts(more).without_hosts(more) == tidy


def test_a_claim_gives_back_from_the_least_preferred_zone_first() -> None:
    claim = record(2, owned(LONDON, "a", 0, 0b11), owned(CHICAGO, "b", 0, 0b11))
    assert given_back(claim) == [(CHICAGO, "b", 0, 0b11)]
    assert given_back(replace(claim, zones=(CHICAGO, LONDON))) == [(LONDON, "a", 0, 0b11)]


def test_giving_back_continues_with_the_next_zone_when_one_is_not_enough() -> None:
    claim = record(1, owned(LONDON, "a", 0, 0b11), owned(CHICAGO, "b", 0, 0b1))
    assert given_back(claim) == [(CHICAGO, "b", 0, 0b1), (LONDON, "a", 0, 0b10)]


def test_in_a_zone_the_smallest_holdings_go_first_so_that_whole_domains_become_free() -> None:
    claim = record(
        4,
        owned(LONDON, "a", 0, 0b111),
        owned(LONDON, "a", 1, 0b1),
        owned(LONDON, "a", 2, 0b11),
        zones=(LONDON,),
    )
    assert given_back(claim) == [(LONDON, "a", 1, 0b1), (LONDON, "a", 2, 0b10)]


def test_hosts_in_a_zone_that_is_no_longer_requested_go_first() -> None:
    claim = record(1, owned(LONDON, "a", 0, 0b11), owned(TEXAS, "c", 0, 0b1), zones=(LONDON,))
    assert claim.allocated == 1
    assert given_back(claim) == [(TEXAS, "c", 0, 0b1)]
    assert given_back(claim.without_hosts(to_give_back(claim))) == [(LONDON, "a", 0, 0b10)]


def test_a_host_in_a_zone_no_longer_requested_counts_as_pending_until_it_is_replaced() -> None:
    claim = record(2, owned(TEXAS, "c", 0, 0b11), zones=(LONDON,))
    assert (claim.allocated, claim.pending, claim.surplus) == (0, 2, 2)


def test_a_deleted_claim_gives_back_everything() -> None:
    claim = record(5, owned(LONDON, "a", 0, 0b11), owned(TEXAS, "c", 0, 0b1), status=ClaimStatus.DELETING)
    assert {row[0] for row in given_back(claim)} == {LONDON, TEXAS}


def test_one_round_of_giving_back_stays_within_the_limits_of_a_transaction() -> None:
    wide = record(1, *(owned(LONDON, f"p{n:03}", 0, 1) for n in range(200)), status=ClaimStatus.DELETING)
    assert len(to_give_back(wide)) == PODS_PER_ROUND_MAX
    deep = record(1, *(owned(LONDON, "p", n, 1) for n in range(500)), status=ClaimStatus.DELETING)
    assert len(to_give_back(deep)) == DOMAINS_PER_POD_ROUND_MAX
    both = record(
        1,
        *(owned(LONDON, f"p{pod}", n, 1) for pod in range(4) for n in range(100)),
        status=ClaimStatus.DELETING,
    )
    assert len(to_give_back(both)) == DOMAINS_PER_ROUND_MAX


@pytest.mark.parametrize(
    ("status", "claim", "becomes"),
    [
        (ClaimStatus.CREATING, record(1), ClaimStatus.CREATING),
        (ClaimStatus.CREATING, record(1, owned(LONDON, "a", 0, 1)), ClaimStatus.READY),
        (ClaimStatus.READY, record(2, owned(LONDON, "a", 0, 1)), ClaimStatus.UPDATING),
        (ClaimStatus.READY, record(1, owned(LONDON, "a", 0, 3)), ClaimStatus.UPDATING),
        (ClaimStatus.UPDATING, record(2, owned(LONDON, "a", 0, 1)), ClaimStatus.UPDATING),
        (ClaimStatus.UPDATING, record(1, owned(LONDON, "a", 0, 1)), ClaimStatus.READY),
        (ClaimStatus.DELETING, record(1, owned(LONDON, "a", 0, 1)), ClaimStatus.DELETING),
    ],
)
def test_a_claim_is_ready_only_with_nothing_pending_and_no_surplus(
    status: ClaimStatus, claim: CapacityClaim, becomes: ClaimStatus
) -> None:
    assert settled_status(replace(claim, status=status)) is becomes


def shown(claim: CapacityClaim, **reasons: ZoneReason) -> list[tuple[str, str, str, str]]:
    by_zone = {{"london": LONDON, "chicago": CHICAGO}[name]: reason for name, reason in reasons.items()}
    return [(c.zone or c.type, c.status, c.reason, c.message) for c in conditions_of(claim, by_zone, NOW)]


def test_the_condition_of_a_zone_says_what_it_provides_and_why_not_more() -> None:
    claim = record(5, owned(LONDON, "a", 0, 0b111))
    assert shown(claim, london=ZoneReason.NO_CAPACITY, chicago=ZoneReason.BEHIND_OLDER) == [
        (LONDON, "True", "InsufficientCapacity", "3 instances allocated, no capacity left"),
        (CHICAGO, "False", "WaitingForOlderClaims", "0 instances allocated, older claims are served first"),
        ("Progressing", "True", "InstancesPending", "3 of 5 instances allocated, 2 pending"),
    ]


def test_a_complete_claim_is_no_longer_progressing() -> None:
    claim = record(3, owned(LONDON, "a", 0, 0b111), status=ClaimStatus.READY)
    assert shown(claim) == [
        (LONDON, "True", "Allocated", "3 instances allocated"),
        (CHICAGO, "False", "NotNeeded", "0 instances allocated, none needed"),
        ("Progressing", "False", "AllInstancesAllocated", "3 of 3 instances allocated, 0 pending"),
    ]


def test_a_claim_that_grows_no_longer_says_that_a_zone_is_not_needed() -> None:
    ready = record(3, owned(LONDON, "a", 0, 0b111), status=ClaimStatus.READY)
    ready = replace(ready, conditions=conditions_of(ready, {}, NOW))
    assert shown(replace(ready, instance_count=4))[1][2] == "NotTriedYet"


def test_a_deleted_claim_says_what_it_still_has_to_give_back() -> None:
    claim = record(3, owned(LONDON, "a", 0, 0b111), status=ClaimStatus.DELETING)
    assert [row[2] for row in shown(claim)] == ["Deleting", "Deleting", "Deleting"]
    assert shown(claim)[0][3] == "3 instances allocated, to be given back"


def test_times_of_conditions_change_only_with_the_condition() -> None:
    claim = record(5, owned(LONDON, "a", 0, 0b1))
    first = conditions_of(claim, {LONDON: ZoneReason.NO_CAPACITY}, NOW)
    claim = replace(claim, conditions=first)
    assert conditions_of(claim, {LONDON: ZoneReason.NO_CAPACITY}, NOW + 60) == first
    more = claim.with_hosts([owned(CHICAGO, "b", 0, 0b1)])
    later = conditions_of(more, {LONDON: ZoneReason.NO_CAPACITY}, NOW + 60)
    assert [c.updated_at - NOW for c in later] == [0, 60, 60]


def test_equal_ids_of_two_organizations_have_different_tags_in_a_pod() -> None:
    mine, theirs = record(1), record(1, organization_id="other")
    assert mine.tag != theirs.tag
    assert len(bytes.fromhex(mine.tag)) == 8
    assert mine.execution != theirs.execution
    assert mine.execution != replace(mine, attempt=1).execution
    assert len(replace(mine, attempt=10**6).execution) <= 80

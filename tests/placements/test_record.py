"""What follows from the record of a placement: ordinals, ids of servers, budgets, statuses."""

from __future__ import annotations

import re

import pytest

from gpu_capacity.placements.record import (
    TRANSITIONS,
    UNSETTLED,
    PlacementStatus,
    StrategyType,
    UpdateStrategy,
)
from testkit.placements import placement


def test_ordinals_number_the_hosts_by_domain_and_slot() -> None:
    assert list(placement().slots()) == [(0, 2, 0), (1, 2, 2), (2, 2, 3), (3, 3, 0)]


def test_every_server_of_every_placement_has_an_id_of_its_own() -> None:
    other = placement(id="d20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3")
    ids = [owner.server_id(n) for owner in (other, placement()) for n in range(4)]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("psrv-[0-9a-f]{16}", identity) for identity in ids)
    assert placement(life=b"life-two").server_id(3) == ids[7]


def test_a_server_is_named_after_its_placement() -> None:
    assert placement().server_name(3) == "workers-3"


def test_the_name_of_a_server_is_no_longer_than_a_name_may_be() -> None:
    assert placement(name="w" * 63).server_name(143) == "w" * 59 + "-143"


@pytest.mark.parametrize(
    ("amount", "count", "budget"),
    [(None, 7, 1), ("1", 7, 1), ("3", 7, 3), ("9", 7, 7), ("1%", 7, 1), ("30%", 7, 3), ("100%", 7, 7)],
)
def test_a_budget_is_a_number_or_a_share_rounded_up(amount: str | None, count: int, budget: int) -> None:
    strategy = UpdateStrategy(StrategyType.ROLLING_UPDATE, rolling_update=True, max_unavailable=amount)

    assert placement(count=count, strategy=strategy).max_unavailable == budget


def test_a_manual_update_has_no_budget() -> None:
    assert placement(strategy=UpdateStrategy(max_unavailable="5")).max_unavailable == 0


def test_deprovisioning_is_reached_from_every_status_and_left_only_to_gone() -> None:
    for status in set(PlacementStatus) - {PlacementStatus.GONE, PlacementStatus.DEPROVISIONING}:
        assert PlacementStatus.DEPROVISIONING in TRANSITIONS[status]
    assert TRANSITIONS[PlacementStatus.DEPROVISIONING] == {PlacementStatus.GONE}


@pytest.mark.parametrize("status", PlacementStatus)
def test_the_workflow_has_work_exactly_while_the_status_is_unsettled(status: PlacementStatus) -> None:
    found = placement(status=status)

    assert (found.workflow == "settle_placement") is (status in UNSETTLED)


def test_an_execution_is_named_after_the_life_and_the_attempt() -> None:
    names = {placement(created_at=at, attempt=n).execution for at in (5, 6) for n in (0, 1)}

    assert len(names) == 4
    assert all(len(name) <= 80 for name in names)

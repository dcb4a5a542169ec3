"""GET /api/v2/usage and GET /operator/v1/usage."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import history_arrangements as history
from testkit.handlers import sample_events

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage

OF_SAMPLE_TENANT = 2


def _mine(stage: Stage) -> dict[str, Any]:
    (row,) = stage.request_event("list_usage", "all").json
    found: dict[str, Any] = row
    return found


def test_a_customer_sees_the_hours_of_its_own_holders(stage: Stage) -> None:
    history.used(stage)
    row = _mine(stage)
    assert row["gpuSecondsHeld"] == 3600 * 2 * 18 * 4
    assert row["gpuSecondsUsed"] == 3600 * 4 * 4
    assert row["gpuHoursHeld"] == "144.000000"
    assert row["listCost"] == "993.600000"


def test_an_operator_sees_every_organization(stage: Stage) -> None:
    history.used(stage)
    rows = stage.request_event("list_all_usage", "all").json
    assert len({row["organizationId"] for row in rows}) == OF_SAMPLE_TENANT
    assert _mine(stage) in rows


def test_a_page_leads_to_the_next_one(stage: Stage) -> None:
    history.used(stage)
    answer = stage.request_event("list_all_usage", "of_one")
    assert len(answer.json) == 1
    assert "link" not in answer.headers, "the organization has one holder"


@pytest.mark.parametrize("profile", ["stranger"])
def test_nobody_sees_the_usage_of_others(stage: Stage, profile: str) -> None:
    history.used(stage)
    event = sample_events.read("list_usage", "all")
    assert stage.request("list_usage", event, profile).json == []


def test_a_csv_has_the_names_of_focus(stage: Stage) -> None:
    history.used(stage)
    event = sample_events.with_query(sample_events.read("list_usage", "all"), format=["csv"])
    answer = stage.request("list_usage", event)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    used, unused = csv.DictReader(io.StringIO(answer.text))
    assert (used["CapacityReservationStatus"], unused["CapacityReservationStatus"]) == ("Used", "Unused")
    assert float(used["ConsumedQuantity"]) + float(unused["ConsumedQuantity"]) == 144


def test_days_before_have_no_usage(stage: Stage) -> None:
    history.used(stage)
    event = sample_events.with_query(
        sample_events.read("list_usage", "all"), since=["2026-01-01"], until=["2026-01-31"]
    )
    assert stage.request("list_usage", event).json == []

"""GET /api/v2/reservation-units/advice: the regions of the sample fleet, as dry runs see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import with_query

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage


def _advice(stage: Stage, **query: list[str]) -> Answer:
    event = sample_events.read("advise_reservation", "all")
    asked = event["multiValueQueryStringParameters"] | query
    return stage.request("advise_reservation", with_query(event, **asked))


def _figures(answer: Answer) -> list[tuple[Any, ...]]:
    return [(row["regionId"], row["fits"], row["largestCount"]) for row in answer.json]


def test_the_region_where_it_fits_comes_first_and_the_other_says_why_not(sample: Stage) -> None:
    answer = _advice(sample)

    assert _figures(answer) == [("uk-lon-1", True, 3), ("us-chi-1", False, 2)]
    assert "reason" not in answer.json[0]
    assert answer.json[1]["reason"].startswith(
        "insufficient capacity: 3 contiguous units requested, 2 available"
    )


def test_a_reservation_changes_the_advice_at_once(sample: Stage) -> None:
    assert sample.request("create_reservation", arrangements.wish(count=3)).status == 202

    assert _figures(_advice(sample)) == [("us-chi-1", False, 2), ("uk-lon-1", False, 1)]


def test_what_is_too_much_for_the_quota_does_not_fit_and_says_so(sample: Stage) -> None:
    arrangements.quota(sample, limit=1)
    rows = _advice(sample, count=["2"]).json

    assert [(row["fits"], row["largestCount"], row["quotaRoom"]) for row in rows] == [(False, 1, 1)] * 2
    assert {row["reason"] for row in rows} == {"the quota leaves 1"}


def test_a_maintenance_in_the_way_is_named_with_its_end(sample: Stage) -> None:
    planned = sample.request_event("plan_maintenance", "rack")
    assert planned.status == 201

    assert _advice(sample, regionID=["uk-lon-1"]).json[0].get("remedy") == {
        "obstacles": ["maintenance"],
        "until": planned.json["endTime"],
    }


def test_what_is_missing_is_named(sample: Stage) -> None:
    answer = sample.request_event("advise_reservation", "nothing_asked")

    assert answer.json["error_description"].count("is required") == 4


@pytest.mark.parametrize(
    ("query", "described"),
    [
        ({"count": ["0"]}, "must be 1 to 128"),
        ({"count": ["x"]}, "must be a whole number"),
        ({"accelerator": ["H100"]}, "GB300 NVL72"),
        ({"regionID": ["mars-1"]}, "uk-lon-1, us-chi-1"),
    ],
)
def test_a_refusal_says_what_would_help(sample: Stage, query: dict[str, list[str]], described: str) -> None:
    answer = _advice(sample, **query)

    assert answer.status == 400
    assert described in answer.json["error_description"]

"""GET /api/v2/reservation-units: the published example, filters, and regions that are not for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import with_headers, with_query
from testkit.sample_fleet import SAMPLE_ORGANIZATION
from tools.openapi.reservation_examples import UNIT

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage

LONDON = UNIT
CHICAGO = UNIT | {
    "regionId": "us-chi-1",
    "machineFlavorId": "gb300-nvl72-metal",
    "availableUnitCount": 2,
    "largestContiguousUnitCount": 2,
    "totalCount": 6,
}


def _units(stage: Stage, claims: dict[str, Any] | None = None, /, **query: list[str]) -> Answer:
    event = with_query(sample_events.read("list_reservation_units", "all"), **query)
    token = stage.authority.token(**(claims or {}))
    return stage.request("list_reservation_units", with_headers(event, authorization=f"Bearer {token}"))


def test_the_sample_fleet_reproduces_the_published_example(sample: Stage) -> None:
    assert _units(sample).json == [LONDON, CHICAGO]


def test_a_reservation_changes_the_figures_at_once(sample: Stage) -> None:
    assert sample.request("create_reservation", arrangements.wish(count=3)).status == 202
    (london,) = _units(sample, regionID=["uk-lon-1"]).json
    assert (london["availableUnitCount"], london["largestContiguousUnitCount"]) == (1, 1)
    assert london["totalCount"] == 8


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"regionID": ["uk-lon-1"]}, ["uk-lon-1"]),
        ({"regionID": ["us-chi-1", "uk-lon-1"]}, ["uk-lon-1", "us-chi-1"]),
        ({"regionID": ["mars-1"]}, []),
        ({"accelerator": ["GB300"]}, ["uk-lon-1", "us-chi-1"]),
        ({"accelerator": ["B200", "GB300"]}, ["uk-lon-1", "us-chi-1"]),
        ({"accelerator": ["gb300"]}, []),
        ({"unit": ["NVL72"]}, ["uk-lon-1", "us-chi-1"]),
        ({"unit": ["HGX"]}, []),
        ({"unit": ["NVL72"], "accelerator": ["GB300"], "regionID": ["us-chi-1"]}, ["us-chi-1"]),
        ({"unit": ["HGX"], "accelerator": ["GB300"], "regionID": ["us-chi-1"]}, []),
    ],
)
def test_values_of_one_parameter_are_alternatives_and_different_parameters_must_all_match(
    sample: Stage, query: dict[str, list[str]], expected: list[str]
) -> None:
    assert [unit["regionId"] for unit in _units(sample, **query).json] == expected


def test_an_empty_inventory_is_an_empty_array(stage: Stage) -> None:
    answer = _units(stage)
    assert (answer.status, answer.text) == (200, "[]")


def test_a_region_is_listed_only_to_those_who_may_see_it(sample: Stage) -> None:
    arrangements.hide_chicago(sample)
    assert [u["regionId"] for u in _units(sample).json] == ["uk-lon-1"]
    for claims in ({"organizations": [SAMPLE_ORGANIZATION]}, {"permissions": ["operator"]}):
        assert [u["regionId"] for u in _units(sample, claims).json] == ["uk-lon-1", "us-chi-1"]


def test_every_reading_function_returns_the_same_whatever_it_has_cached(sample: Stage) -> None:
    first = _units(sample).json
    sample.restart()
    assert _units(sample).json == first

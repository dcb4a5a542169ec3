"""GET /api/v2/organizations/{organizationID}/reservation-units: what one organization can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.handlers.sample_events import with_headers, with_query
from testkit.handlers.stage import Stage
from testkit.sample_fleet import SAMPLE_ORGANIZATION
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.handlers.stage import Answer


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Two reads a minute for each organization, at the beginning of a minute."""
    stage = Stage(monkeypatch, READS_PER_MINUTE="2")
    arrangements.inventory(stage)
    stage.clock.advance(-stage.clock.now() % 60)
    yield stage
    stage.restart()


def _units(stage: Stage, organization: str = ORGANIZATION, profile: str = "member", **claims: Any) -> Answer:
    event = sample_events.read("list_organization_reservation_units", "all")
    event["pathParameters"] = {"organizationID": organization}
    token = stage.authority.token(profile, **claims)
    return stage.request(
        "list_organization_reservation_units", with_headers(event, authorization=f"Bearer {token}")
    )


def _figures(answer: Answer) -> list[tuple[str, int, int, int]]:
    names = ("regionId", "availableUnitCount", "largestContiguousUnitCount", "totalCount")
    return [tuple(row[name] for name in names) for row in answer.json]


def test_the_rows_are_those_of_all_reservation_units(sample: Stage) -> None:
    assert _units(sample).json == sample.request_event("list_reservation_units", "all").json


@pytest.mark.parametrize(
    ("limit", "used", "available", "largest"),
    [(2, 0, 2, 2), (5, 2, 3, 3), (9, 0, 4, 3), (1, 1, 0, 0), (1, 2, 0, 0)],
)
def test_a_quota_caps_what_is_available(
    sample: Stage, limit: int, used: int, available: int, largest: int
) -> None:
    arrangements.quota(sample, limit, used)
    assert _figures(_units(sample))[0] == ("uk-lon-1", available, largest, 8)
    assert _figures(_units(sample, profile="operator"))[0] == ("uk-lon-1", available, largest, 8)


def test_a_quota_of_another_organization_caps_nothing(sample: Stage) -> None:
    arrangements.quota(sample, 1)
    assert _figures(_units(sample, STRANGERS_ORGANIZATION, "stranger"))[0] == ("uk-lon-1", 4, 3, 8)


def test_regions_are_those_that_the_organization_may_see_whoever_asks(sample: Stage) -> None:
    arrangements.hide_chicago(sample)
    both = {"organizations": [ORGANIZATION, SAMPLE_ORGANIZATION]}
    for who in ({}, both, {"profile": "operator"}):
        assert [row["regionId"] for row in _units(sample, **who).json] == ["uk-lon-1"]
        if who:
            found = _units(sample, SAMPLE_ORGANIZATION, **who).json
            assert [row["regionId"] for row in found] == ["uk-lon-1", "us-chi-1"]


def test_an_organization_that_the_token_does_not_carry_is_forbidden(sample: Stage) -> None:
    for organization in (STRANGERS_ORGANIZATION, "no-organization", "%00"):
        answer = _units(sample, organization)
        assert (answer.status, answer.json["error"]) == (403, "forbidden")
    assert _units(sample, "no-organization", "operator").status == 200


def test_the_name_of_an_organization_has_at_most_63_characters(sample: Stage) -> None:
    assert _units(sample, "o" * 63, organizations=["o" * 63]).status == 200
    answer = _units(sample, "o" * 64, organizations=["o" * 64])
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "path organizationID")


def test_the_filters_of_the_provider_find_the_row_with_exactly_these_values(sample: Stage) -> None:
    event = sample_events.read("list_organization_reservation_units", "all")
    wanted = {"accelerator": ["GB300"], "regionID": ["uk-lon-1"], "unit": ["NVL72"]}
    (row,) = sample.request("list_organization_reservation_units", with_query(event, **wanted)).json
    assert (row["accelerator"], row["regionId"], row["unit"]) == ("GB300", "uk-lon-1", "NVL72")


def test_a_request_counts_for_the_organization_in_its_path(limited: Stage) -> None:
    both: dict[str, Any] = {"organizations": [ORGANIZATION, STRANGERS_ORGANIZATION]}
    assert [_units(limited, ORGANIZATION, **both).status for _ in range(3)] == [200, 200, 429]
    assert _units(limited, STRANGERS_ORGANIZATION, **both).status == 200

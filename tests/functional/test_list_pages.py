"""Pages of lists through the handlers: every paginated API pages its own list, and no other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from testkit.handlers import sample_events
from testkit.handlers.arrangements import wish
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage


def listed(stage: Stage, profile: str = "member", **query: Any) -> Answer:
    event = sample_events.with_query(sample_events.read("list_reservations", "all"), **query)
    return stage.request("list_reservations", event, profile)


def following(answer: Answer) -> dict[str, Any]:
    query = answer.headers["link"].removeprefix("<?").removesuffix('>; rel="next"')
    return parse_qs(query, strict_parsing=True)


@pytest.fixture
def reserved(sample: Stage) -> Stage:
    for name in ("a", "b", "c"):
        event = wish({"name": name, "tags": [{"name": "letter", "value": name}]}, count=1)
        assert sample.request("create_reservation", event).status == 202
    return sample


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [entry["metadata"]["id"] for entry in answer.json]


def test_pages_together_show_the_whole_list(reserved: Stage) -> None:
    whole = listed(reserved)
    assert "link" not in whole.headers
    first = listed(reserved, limit=["2"])
    second = listed(reserved, **following(first))
    assert ids(first) + ids(second) == ids(whole) == sorted(ids(whole))
    assert (len(ids(first)), len(ids(second))) == (2, 1)
    assert "link" not in second.headers


def test_filters_apply_to_every_page(reserved: Stage) -> None:
    wanted: dict[str, Any] = {"tag": ["letter=b"], "regionID": ["uk-lon-1", "us-chi-1"]}
    first = listed(reserved, limit=["1"], **wanted)
    assert [entry["metadata"]["name"] for entry in first.json] == ["b"]
    assert "link" not in first.headers
    regions: dict[str, Any] = {"regionID": ["uk-lon-1", "us-chi-1"]}
    page = listed(reserved, limit=["1"], **regions)
    query = following(page)
    assert query["regionID"] == regions["regionID"]
    other = query | {"regionID": ["uk-lon-1"]}
    assert listed(reserved, **other).status == 400


def test_a_cursor_of_another_organization_is_refused_and_reveals_nothing(reserved: Stage) -> None:
    query = following(listed(reserved, limit=["1"]))
    for profile, more in (("stranger", {}), ("operator", {"organizationID": [STRANGERS_ORGANIZATION]})):
        answer = listed(reserved, profile, **query, **more)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")
        assert answer.json["error_description"].startswith("query cursor: ")
        assert ORGANIZATION not in answer.text


@pytest.mark.parametrize("query", [{"limit": ["0"]}, {"limit": ["1", "1"]}, {"cursor": ["x"]}], ids=str)
def test_an_invalid_page_parameter_is_reported_by_name(reserved: Stage, query: dict[str, Any]) -> None:
    answer = listed(reserved, **query)
    assert answer.status == 400
    assert answer.json["error_description"].startswith(f"query {next(iter(query))}: ")


def test_reading_a_page_reads_only_that_page(reserved: Stage) -> None:
    reads: list[dict[str, Any]] = []
    reserved.db.before("query", lambda _, parameters: reads.append(parameters), times=None)
    first = listed(reserved, limit=["2"])
    listed(reserved, **following(first))
    assert [(read["Limit"], "BETWEEN" in read["KeyConditionExpression"]) for read in reads] == [
        (25, False),
        (25, True),
    ]

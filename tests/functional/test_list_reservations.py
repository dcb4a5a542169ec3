"""GET /api/v2/reservations: filters, order, and what the caller may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import sample_events
from testkit.handlers.arrangements import wish
from testkit.handlers.authority import STRANGERS_ORGANIZATION, STRANGERS_PROJECT
from testkit.handlers.sample_events import with_headers, with_query
from testkit.sample_fleet import SAMPLE_ORGANIZATION
from testkit.world import ORGANIZATION, PROJECT

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage

OTHER_PROJECT = "0d4c51ac-7a5e-4c45-8f3e-2f6f6b0f7d11"


@pytest.fixture
def fleet(sample: Stage) -> Stage:
    """Four reservations of one organization, in two projects and two regions, with various tags."""
    every_project = f"Bearer {sample.authority.token(projects=['*'])}"
    wishes = [
        wish({"name": "red", "tags": [_tag("colour", "red"), _tag("size", "s")]}, count=1),
        wish({"name": "blue", "tags": [_tag("colour", "blue"), _tag("size", "s")]}, count=1),
        wish(
            {"name": "chicago", "tags": [_tag("colour", "red"), _tag("empty", "")]},
            count=1,
            regionId="us-chi-1",
        ),
        wish({"name": "other", "tags": None}, count=1, projectId=OTHER_PROJECT),
    ]
    for event in wishes:
        made = sample.request("create_reservation", with_headers(event, authorization=every_project))
        assert made.status == 202
    return sample


def _tag(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def _list(stage: Stage, claims: dict[str, Any] | None = None, /, **query: list[str]) -> Answer:
    token = stage.authority.token(**({"projects": ["*"]} if claims is None else claims))
    event = with_query(sample_events.read("list_reservations", "all"), **query)
    return stage.request("list_reservations", with_headers(event, authorization=f"Bearer {token}"))


def _names(answer: Answer) -> set[str]:
    assert answer.status == 200, answer
    return {entry["metadata"]["name"] for entry in answer.json}


EVERYTHING = {"red", "blue", "chicago", "other"}


def test_without_a_filter_everything_visible_is_listed(fleet: Stage) -> None:
    assert _names(_list(fleet)) == EVERYTHING


def test_the_list_is_in_order_of_id(fleet: Stage) -> None:
    ids = [entry["metadata"]["id"] for entry in _list(fleet).json]
    assert len(ids) == 4
    assert ids == sorted(ids)


def test_the_list_is_in_order_of_id_across_organizations(fleet: Stage) -> None:
    claims = {"organizations": [ORGANIZATION, SAMPLE_ORGANIZATION], "projects": ["*"]}
    ids = [entry["metadata"]["id"] for entry in _list(fleet, claims).json]
    assert len(ids) == 6
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"regionID": ["uk-lon-1"]}, {"red", "blue", "other"}),
        ({"regionID": ["uk-lon-1", "us-chi-1"]}, EVERYTHING),
        ({"regionID": ["mars-1"]}, set()),
        ({"regionID": [""]}, set()),
        ({"projectID": [OTHER_PROJECT]}, {"other"}),
        ({"projectID": [OTHER_PROJECT, PROJECT]}, EVERYTHING),
        ({"organizationID": [ORGANIZATION]}, EVERYTHING),
        ({"organizationID": [ORGANIZATION, "nobody"]}, EVERYTHING),
        ({"organizationID": [SAMPLE_ORGANIZATION]}, set()),
        ({"organizationID": ["x" * 3000]}, set()),
        ({"tag": ["colour=red"]}, {"red", "chicago"}),
        ({"tag": ["colour=red", "size=s"]}, {"red"}),
        ({"tag": ["colour=red", "colour=blue"]}, set()),
        ({"tag": ["colour=red", "colour=red"]}, {"red", "chicago"}),
        ({"tag": ["empty="]}, {"chicago"}),
        ({"tag": ["colour="]}, set()),
        ({"tag": ["=red"]}, set()),
        ({"tag": ["Colour=red"]}, set()),
        ({"tag": ["colour=red"], "regionID": ["uk-lon-1"]}, {"red"}),
        ({"projectID": [PROJECT], "regionID": ["us-chi-1"]}, {"chicago"}),
        ({"projectID": [OTHER_PROJECT], "regionID": ["us-chi-1"]}, set()),
    ],
)
def test_values_of_one_parameter_are_alternatives_and_different_parameters_must_all_match(
    fleet: Stage, query: dict[str, list[str]], expected: set[str]
) -> None:
    assert _names(_list(fleet, **query)) == expected


@pytest.mark.parametrize("selector", ["", "colour", " "])
def test_a_tag_filter_has_an_equals_sign(fleet: Stage, selector: str) -> None:
    answer = _list(fleet, tag=["size=s", selector])
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["error_description"] == "query tag: must be name=value"


@pytest.mark.parametrize("selector", ["colour=red=", "=", "a==b", "==", "colour=RED"])
def test_a_tag_that_no_reservation_has_finds_nothing(fleet: Stage, selector: str) -> None:
    assert _names(_list(fleet, tag=["size=s", selector])) == set()


@pytest.mark.parametrize(("name", "value"), [("query", "a=b"), ("a=b", "c"), ("padded", "YQ=="), ("=", "=")])
def test_a_tag_is_matched_literally_even_with_equals_signs(fleet: Stage, name: str, value: str) -> None:
    event = wish({"name": "equals", "tags": [{"name": name, "value": value}]}, count=1)
    assert fleet.request("create_reservation", event).status == 202
    assert _names(_list(fleet, tag=[f"{name}={value}"])) == {"equals"}


def test_a_query_without_its_multi_value_form_works_too(fleet: Stage) -> None:
    event = with_query(sample_events.read("list_reservations", "all"), regionID=["us-chi-1"])
    event["multiValueQueryStringParameters"] = None
    assert _names(fleet.request("list_reservations", event, profile="member")) == {"chicago"}


# What the caller may see


def test_a_member_of_one_project_sees_that_project(fleet: Stage) -> None:
    assert _names(_list(fleet, {})) == {"red", "blue", "chicago"}


@pytest.mark.parametrize(
    "claims",
    [
        {"organizations": [], "projects": ["*"]},
        {"organizations": [ORGANIZATION], "projects": []},
        {"organizations": [STRANGERS_ORGANIZATION], "projects": ["*"]},
        {"organizations": [STRANGERS_ORGANIZATION], "projects": [PROJECT]},
        {"organizations": None, "projects": ["*"]},
        {"organizations": ["*"], "projects": ["*"]},
        {"organizations": {ORGANIZATION: True}, "projects": ["*"]},
        {"organizations": [ORGANIZATION], "projects": 7},
    ],
)
def test_a_caller_who_may_see_nothing_gets_an_empty_array(fleet: Stage, claims: dict[str, Any]) -> None:
    answer = _list(fleet, claims)
    assert (answer.status, answer.text) == (200, "[]")
    assert _list(fleet, claims, organizationID=[ORGANIZATION]).text == "[]"


def test_an_operator_sees_any_organization_that_it_names(fleet: Stage) -> None:
    operator = {
        "permissions": ["operator"],
        "organizations": [STRANGERS_ORGANIZATION],
        "projects": [STRANGERS_PROJECT],
    }
    assert _names(_list(fleet, operator, organizationID=[ORGANIZATION])) == EVERYTHING
    both = _list(fleet, operator, organizationID=[SAMPLE_ORGANIZATION, ORGANIZATION])
    assert len(both.json) == 6
    assert _list(fleet, operator).text == "[]"
    assert _list(fleet, operator, organizationID=["x" * 3000]).text == "[]"


def test_several_organizations_of_one_caller_are_listed_together(fleet: Stage) -> None:
    claims = {"organizations": [SAMPLE_ORGANIZATION, ORGANIZATION], "projects": ["*"]}
    assert len(_list(fleet, claims).json) == 6
    assert len(_list(fleet, claims, organizationID=[SAMPLE_ORGANIZATION]).json) == 2


def test_token_claims_may_be_words_in_one_text(fleet: Stage) -> None:
    claims = {"organizations": ORGANIZATION, "projects": "* x", "permissions": "reservations:read other"}
    assert _names(_list(fleet, claims)) == EVERYTHING


def test_a_list_costs_one_query_an_organization_and_one_batch(fleet: Stage) -> None:
    fleet.restart()
    fleet.db.requests.clear()
    assert len(_list(fleet).json) == 4
    assert fleet.db.requests == {"query": 1, "batch_get_item": 1}

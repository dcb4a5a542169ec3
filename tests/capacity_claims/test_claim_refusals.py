"""Permissions, and the error format of this API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.dynamodb import throttled
from testkit.handlers import claim_stage as given
from testkit.handlers import sample_events
from testkit.handlers.claim_stage import CLAIM_ID, CLAIMS, varied
from testkit.handlers.sample_events import TRACE_ID
from tests.capacity_claims.claim_answers import claim_of, violations
from tests.capacity_claims.claim_contract import STATUS, assert_is

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage


@pytest.mark.parametrize(
    "function", ["create_capacity_claim", "update_capacity_claim", "delete_capacity_claim"]
)
@pytest.mark.parametrize("permissions", [["capacityclaims:read"], ["operator"], ["reservations:create"], []])
def test_writing_requires_the_permission_to_write_claims_and_no_other(
    stage: ClaimStage, function: str, permissions: list[str]
) -> None:
    given.claimed(stage)
    case = {"create": "full", "update": "grown", "delete": "accepted"}[function.partition("_")[0]]
    token = f"Bearer {stage.authority.token('member', permissions=permissions)}"
    event = sample_events.with_headers(sample_events.read(function, case), authorization=token)
    answer = stage.request(function, event)
    assert (answer.status, answer.json["code"]) == (403, 7)
    assert_is(STATUS, answer.json)


@pytest.mark.parametrize(
    ("path", "method", "http", "code", "allowed"),
    [
        ("/v1alpha1", "GET", 404, 5, None),
        ("/v1alpha1/inference/nothing", "GET", 404, 5, None),
        (f"{CLAIMS}/{CLAIM_ID}/more", "GET", 404, 5, None),
        (f"{CLAIMS}/", "GET", 404, 5, None),
        (CLAIMS, "PUT", 405, 12, "GET, POST"),
        (f"{CLAIMS}/parameters", "POST", 405, 12, "GET"),
        (f"{CLAIMS}/parameters", "DELETE", 405, 12, "GET"),
        (f"{CLAIMS}/quotas", "PATCH", 405, 12, "GET"),
        (f"{CLAIMS}/{CLAIM_ID}", "PUT", 405, 12, "DELETE, GET, PATCH"),
    ],
)
def test_an_unknown_path_or_method_is_reported_in_this_apis_error_format(
    stage: ClaimStage, path: str, method: str, http: int, code: int, allowed: str | None
) -> None:
    event = sample_events.with_path(sample_events.read("reject_unknown_route", "unknown_route"), path, method)
    answer = stage.request("reject_unknown_route", event)
    assert (answer.status, answer.json["code"], answer.headers.get("allow")) == (http, code, allowed)
    assert_is(STATUS, answer.json)


def surprise(*_: object) -> None:
    raise LookupError("secret-detail")


API = {
    "create_capacity_claim": "full",
    "list_capacity_claims": "all",
    "list_capacity_claim_parameters": "all",
    "list_capacity_claim_quotas": "all",
    "get_capacity_claim": "found",
    "update_capacity_claim": "grown",
    "delete_capacity_claim": "accepted",
}


@pytest.mark.parametrize("function", API)
def test_an_internal_error_is_reported_with_its_trace_id_and_nothing_else(
    stage: ClaimStage, function: str
) -> None:
    stage.db.before("*", surprise, times=None)
    answer = stage.request_event(function, API[function])
    assert answer.status == 500
    assert_is(STATUS, answer.json)
    assert (answer.json["code"], answer.json["message"]) == (13, "an unexpected error occurred")
    assert [detail.get("requestId") for detail in answer.json["details"]] == [TRACE_ID]
    assert "retry-after" not in answer.headers
    assert "secret-detail" in stage.log


@pytest.mark.parametrize("function", API)
def test_a_database_that_does_not_answer_is_reported_with_retry_after(
    stage: ClaimStage, function: str
) -> None:
    stage.db.before("*", throttled(), times=None)
    answer = stage.request_event(function, API[function])
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (500, 13, "1")
    assert_is(STATUS, answer.json)


def test_a_refusal_by_quota_has_the_requested_and_the_remaining_number(stage: ClaimStage) -> None:
    given.limited(stage)
    answer = stage.request_event("create_capacity_claim", "full")
    [violation] = answer.json["details"][0]["violations"]
    assert violation["description"] == "quota exceeded: 10 instances requested, 0 of 9 in use"
    assert answer.json["message"] == violation["description"]
    assert (violation["quotaMetric"], violation["quotaValue"]) == ("instances", "9")
    assert violation["quotaDimensions"] == {"requested": "10", "used": "0"}


def test_a_refusal_by_status_names_the_status_and_the_claim(stage: ClaimStage) -> None:
    given.deleted(stage)
    answer = stage.request_event("update_capacity_claim", "grown")
    [violation] = answer.json["details"][0]["violations"]
    assert (violation["type"], violation["subject"]) == ("STATUS_DELETING", CLAIM_ID)


def test_a_refusal_names_the_resource_that_already_exists(stage: ClaimStage) -> None:
    given.claimed(stage)
    for case, name in (("id_reused", CLAIM_ID), ("name_taken", "inference")):
        answer = stage.request_event("create_capacity_claim", case)
        detail = answer.json["details"][0]
        assert (detail["resourceType"], detail["resourceName"]) == ("CapacityClaim", name)
        assert CLAIM_ID in detail["description"]
        assert answer.json["message"] == detail["description"]


def test_a_refusal_names_a_missing_resource_if_the_text_has_the_form_of_an_id(stage: ClaimStage) -> None:
    given.claimed(stage)
    for function in ("get_capacity_claim", "update_capacity_claim", "delete_capacity_claim"):
        event = sample_events.read(function, "unknown")
        detail = stage.request(function, event).json["details"][0]
        assert detail["resourceType"] == "CapacityClaim"
        assert detail["resourceName"] == event["pathParameters"]["claimID"]
        assert detail["description"].startswith("the capacity claim does not exist in an organization")
    detail = stage.request_event("get_capacity_claim", "id_malformed").json["details"][0]
    assert (detail["resourceName"], detail["description"]) == (
        "",
        "the capacity claim does not exist: ids of capacity claims are UUIDs",
    )


def test_an_update_may_repeat_the_name_but_not_change_it(stage: ClaimStage) -> None:
    given.claimed(stage)
    before = stage.db.dump()
    other = varied("grown", "update_capacity_claim", name="training")
    assert violations(stage.request("update_capacity_claim", other)) == ["name"]
    assert stage.db.dump() == before
    same = varied("grown", "update_capacity_claim", name="inference")
    assert claim_of(stage.request("update_capacity_claim", same))["status"]["allocatedInstances"] == 12

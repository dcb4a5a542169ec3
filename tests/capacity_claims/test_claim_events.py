"""Every event file of the claims through the real handler, in every state that may precede it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format

from gpu_capacity.http.operations import OPERATIONS
from testkit.auditor import audit
from testkit.connect_messages import methods
from testkit.handlers import sample_events
from tests.capacity_claims.claim_cases import CLAIM_CASES, CLAIM_TASKS, ClaimCase
from tests.capacity_claims.claim_contract import assert_is
from tests.capacity_claims.connect_cases import CONNECT_CASES, ConnectCase

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage
    from tests.functional.task_cases import TaskCase


@pytest.mark.parametrize("case", CLAIM_CASES, ids=str)
def test_the_response_to_an_api_event_matches_the_contract(case: ClaimCase, stage: ClaimStage) -> None:
    case.after(stage)
    answer = stage.request_event(case.function, case.event)
    assert answer.status == case.http, answer
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "application/json"
    assert ("www-authenticate" in answer.headers) == (case.http == 401)
    assert_is(case.schema, answer.json)
    if case.figures is not None:
        status = answer.json["capacityClaim"]["status"]
        assert (
            status["status"].removeprefix("STATUS_"),
            status["allocatedInstances"],
            status["pendingInstances"],
        ) == case.figures
    if case.code is not None:
        assert answer.json["code"] == case.code
        details = answer.json["details"]
        assert details[0]["@type"] == f"type.googleapis.com/google.rpc.{case.detail}"
        assert details[-1]["requestId"] == sample_events.TRACE_ID
        assert tuple(v["field"] for v in details[0].get("fieldViolations", ())) == case.fields
    assert audit(stage.db) == []


@pytest.mark.parametrize("case", CONNECT_CASES, ids=str)
def test_the_response_to_an_event_of_the_connect_service_is_a_message(
    case: ConnectCase, stage: ClaimStage
) -> None:
    case.after(stage)
    answer = stage.request_event(case.function, case.event)
    assert (answer.status, answer.headers["content-type"]) == (case.http, case.media_type), answer
    assert answer.headers["cache-control"] == "no-cache"
    if case.code is not None:
        assert answer.json["code"] == case.code
        violations = answer.json["details"][0]["debug"].get("fieldViolations", ())
        assert tuple(violation["field"] for violation in violations) == case.fields
    else:
        json_form = case.media_type == "application/json"
        response = methods()[case.method][1]
        shown = (
            json_format.ParseDict(answer.json, response())
            if json_form
            else response.FromString(answer.octets)
        )
        assert shown.ByteSize() > 0
        if case.figures is not None:
            status = shown.capacity_claim.status
            assert (status.status, status.allocated_instances, status.pending_instances) == case.figures
    assert audit(stage.db) == []


@pytest.mark.parametrize("case", CLAIM_TASKS, ids=str)
def test_a_task_event_returns_its_outcome_and_may_be_repeated(case: TaskCase, stage: ClaimStage) -> None:
    case.after(stage)
    assert stage.run_event(case.function, case.event) == case.answer
    assert audit(stage.db) == []
    for _ in range(2):
        stage.run_event(case.function, case.event)
    before = stage.db.dump()
    stage.run_event(case.function, case.event)
    assert stage.db.dump() == before


def test_every_event_file_of_the_claims_has_an_expected_result() -> None:
    expected = {(case.function, case.event) for case in CLAIM_CASES}
    expected |= {(task.function, task.event) for task in CLAIM_TASKS}
    expected |= {(case.function, case.event) for case in CONNECT_CASES}
    functions = {function for function, _ in expected}
    assert expected == {pair for pair in sample_events.cases() if pair[0] in functions}
    shared = {name for name in functions if name in OPERATIONS and OPERATIONS[name].shared}
    assert functions - shared == {name for name in sample_events.functions() if "capacity_claim" in name}

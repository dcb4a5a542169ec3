"""Unexpected errors: a trace id for the customer, the stack in the log, a metric for the alarm."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from testkit.dynamodb import throttled
from testkit.handlers import arrangements
from testkit.handlers.sample_events import TRACE_ID
from testkit.workflow.definitions import steps

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage


class SurprisingError(Exception):
    """An exception that is not one of this package's."""


def _surprise(*_: object) -> None:
    raise SurprisingError("secret-detail")


CASES = {
    "create_reservation": "full",
    "list_reservations": "all",
    "get_reservation": "found",
    "delete_reservation": "accepted",
    "list_reservation_units": "all",
    "list_organization_reservation_units": "all",
    "get_organization_topology": "all",
    "list_network_paths": "all",
    "list_instance_names": "all",
    "list_reservation_quotas": "all",
}


def _fail(stage: Stage, function: str) -> Answer:
    stage.db.before("*", _surprise, times=None)
    return stage.request_event(function, CASES[function])


@pytest.mark.parametrize("function", CASES)
def test_the_customer_gets_only_a_trace_id(stage: Stage, function: str) -> None:
    answer = _fail(stage, function)
    assert answer.status == 500
    assert answer.json == {
        "error": "server_error",
        "error_description": "an unexpected error occurred",
        "trace_id": TRACE_ID,
    }
    assert answer.headers["cache-control"] == "no-cache"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("function", CASES)
def test_the_log_has_the_stack_under_the_trace_id(stage: Stage, function: str) -> None:
    _fail(stage, function)
    (line,) = [line for line in stage.log_lines if line["level"] == "ERROR"]
    assert line["trace_id"] == TRACE_ID
    assert line["exception_name"] == "SurprisingError"
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize("function", CASES)
def test_an_unexpected_error_is_counted_in_the_metric_that_the_alarm_watches(
    stage: Stage, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail(stage, function)
    assert "RequestsFailed" in _metrics(capsys)


def test_a_refusal_is_not_counted_as_a_failure(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    for case in ("region_unknown", "body_invalid", "token_missing", "permission_missing"):
        stage.request_event("create_reservation", case)
    assert "RequestsFailed" not in _metrics(capsys)
    assert not any(line["level"] == "ERROR" for line in stage.log_lines)


def test_a_lack_of_capacity_is_not_counted_as_a_failure(
    sample: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample.request_event("create_reservation", "capacity_insufficient").status == 507
    metrics = _metrics(capsys)
    assert "ReservationsRefused" in metrics
    assert "RequestsFailed" not in metrics


def test_a_database_that_does_not_answer_is_counted_as_a_failure(
    sample: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    sample.db.before("*", throttled(), times=None)
    assert sample.request_event("list_reservations", "all").status == 500
    assert "RequestsFailed" in _metrics(capsys)


@pytest.mark.parametrize(
    ("function", "case"),
    [
        ("reservation_steps", "provision_reservation"),
        ("sync_inventory", "scheduled"),
        ("reconcile_holders", "scheduled"),
    ],
)
def test_a_task_that_fails_raises_so_that_its_caller_retries(stage: Stage, function: str, case: str) -> None:
    arrangements.publish(stage)
    stage.db.before("*", _surprise, times=None)
    with pytest.raises(SurprisingError):
        stage.run_event(function, case)


@pytest.mark.parametrize(
    "function", ["capacity_claim_steps", "placement_steps", "reservation_steps", "vm_steps"]
)
def test_an_unknown_step_is_refused_with_the_known_ones(stage: Stage, function: str) -> None:
    before = stage.db.dump()
    for event in ({"step": "begin_dinner"}, {}):
        having = ", ".join(steps()[function])
        problem = f"{function} has no step {event.get('step', '')!r}, only {having}"
        with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
            stage.run(function, event)
    assert stage.db.dump() == before


def test_the_request_after_an_unexpected_error_is_served_normally(sample: Stage) -> None:
    hook = sample.db.before("*", _surprise, times=None)
    assert sample.request_event("create_reservation", "full").status == 500
    hook.cancel()
    assert sample.request_event("create_reservation", "full").status == 202


def _metrics(capsys: pytest.CaptureFixture[str]) -> set[str]:
    found: set[str] = set()
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("{") and "_aws" in line:
            for group in json.loads(line)["_aws"]["CloudWatchMetrics"]:
                found |= {metric["Name"] for metric in group["Metrics"]}
    return found

"""Logs and metrics, read from the standard output as Lambda reads it."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from gpu_capacity.runtime.observability import NAMESPACE, Observability

STACK = "capacity-of-tests"


@dataclass
class Context:
    """The context that Lambda passes to a handler."""

    function_name: str = "create_reservation"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:create_reservation"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"


class CurrentOutput:
    """The standard output at the time of the write."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "INFO")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", STACK)


@pytest.fixture
def observability(
    _environment: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Observability:
    made = Observability()
    made.metrics.clear_metrics()
    for handler in logging.getLogger(STACK).handlers:
        # The logger of a service is made once in a process and keeps the output it found then.
        monkeypatch.setattr(handler, "stream", CurrentOutput())
    return made


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def _logged(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "message" in line]


def _metrics(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "_aws" in line]


def test_an_audit_line_has_the_caller_the_operation_the_resource_and_the_outcome(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    observability.audit("user-1", "create_reservation", "a61b", "accepted", organization="org", units=3)

    (line,) = _logged(_lines(capsys))
    assert line["message"] == "audit"
    assert line["service"] == STACK
    assert line["audit"] == {
        "actor": "user-1",
        "action": "create_reservation",
        "target": "a61b",
        "outcome": "accepted",
        "organization": "org",
        "units": 3,
    }


def test_facts_and_warnings_have_their_details(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    observability.info("applied", sequence=4)
    observability.warning("deferred", pod="pod1")

    lines = _logged(_lines(capsys))
    assert [(line["level"], line["message"], line["details"]) for line in lines] == [
        ("INFO", "applied", {"sequence": 4}),
        ("WARNING", "deferred", {"pod": "pod1"}),
    ]


def test_counts_of_one_invocation_are_added_up_and_flushed_at_its_end(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(_event: dict[str, Any], _context: Any) -> str:
        observability.count("ReservationsAccepted")
        observability.count("ReservationsAccepted", 2)
        return "answer"

    assert observability.wrap("create_reservation", handler)({}, Context()) == "answer"

    (metric,) = _metrics(_lines(capsys))
    assert metric["ReservationsAccepted"] == [1.0, 2.0]
    assert metric["service"] == STACK
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == NAMESPACE


def test_counts_are_flushed_when_the_handler_raises(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(_event: dict[str, Any], _context: Any) -> None:
        observability.count("RequestsFailed")
        raise RuntimeError("defect")

    wrapped = observability.wrap("create_reservation", handler)

    with pytest.raises(RuntimeError):
        wrapped({}, Context())
    assert [metric["RequestsFailed"] for metric in _metrics(_lines(capsys))] == [[1.0]]


def test_an_invocation_does_not_report_the_counts_of_the_one_before(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(event: dict[str, Any], _context: Any) -> None:
        if event:
            observability.count("Once")

    wrapped = observability.wrap("f", handler)
    wrapped({"count": True}, Context())
    capsys.readouterr()

    wrapped({}, Context())

    assert _metrics(_lines(capsys)) == []


def test_a_count_with_dimensions_is_a_metric_of_its_own(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    observability.count("FeedRefused", code="outdated")

    (metric,) = _metrics(_lines(capsys))
    assert (metric["FeedRefused"], metric["code"], metric["service"]) == ([1.0], "outdated", STACK)
    assert sorted(metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) == ["code", "service"]


def test_lines_of_an_invocation_carry_its_function_and_request_id(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    observability.wrap("create_reservation", lambda _e, _c: observability.info("fact"))({}, Context())

    (line,) = _logged(_lines(capsys))
    assert line["function"] == "create_reservation"
    assert line["function_request_id"] == Context().aws_request_id


def test_neither_event_nor_response_is_logged(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"headers": {"authorization": "Bearer s3cret-token"}, "body": "s3cret-body"}

    observability.wrap("f", lambda _e, _c: {"body": "s3cret-answer"})(event, Context())

    assert "s3cret" not in capsys.readouterr().out


def test_keys_of_one_invocation_do_not_reach_the_next(
    observability: Observability, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(event: dict[str, Any], _context: Any) -> None:
        observability.logger.append_keys(**event)
        observability.info("fact")

    wrapped = observability.wrap("f", handler)
    wrapped({"trace_id": "one"}, Context())
    wrapped({}, Context())

    assert [line.get("trace_id") for line in _logged(_lines(capsys))] == ["one", None]

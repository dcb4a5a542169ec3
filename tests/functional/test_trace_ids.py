"""Trace ids of errors: 32 hex digits, the caller's if it sent one, and the same in the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from testkit.handlers import sample_events
from testkit.handlers.sample_events import with_headers

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage

W3C = "4bf92f3577b34da6a3ce929d0e0e4736"
AMAZON = "5759e988bd862e3fe1be46a994272793"
FUNCTIONS = {"list_reservations": "token_missing", "reject_unknown_route": "unknown_route"}


def _trace_id(stage: Stage, function: str = "list_reservations", **headers: str | None) -> str:
    headers = {"traceparent": None, "x_amzn_trace_id": None, **headers}
    event = with_headers(sample_events.read(function, FUNCTIONS[function]), **headers)
    trace_id: str = stage.request(function, event).json["trace_id"]
    return trace_id


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": f"00-{W3C}-00f067aa0ba902b7-01"}, W3C),
        ({"traceparent": f"01-{W3C}-00f067aa0ba902b7-01-later"}, W3C),
        ({"x_amzn_trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793"}, AMAZON),
        (
            {"x_amzn_trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"},
            AMAZON,
        ),
        ({"x_amzn_trace_id": "Self=1-0-1;Root=1-5759e988-bd862e3fe1be46a994272793"}, AMAZON),
        (
            {
                "traceparent": f"00-{W3C}-00f067aa0ba902b7-01",
                "x_amzn_trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            },
            W3C,
        ),
        ({"traceparent": "nonsense", "x_amzn_trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793"}, AMAZON),
    ],
)
def test_the_incoming_trace_is_continued(
    stage: Stage, function: str, headers: dict[str, str], expected: str
) -> None:
    assert _trace_id(stage, function, **headers) == expected


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": ""},
        {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{W3C.upper()}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{W3C[:-1]}-00f067aa0ba902b7-01"},
        {"traceparent": W3C},
        {"traceparent": '00-"><script>alert(1)</script>-00f067aa0ba902b7-01'},
        {"traceparent": "x" * 8000},
        {"x_amzn_trace_id": "Root=1-5759e988-bd862e3f"},
        {"x_amzn_trace_id": "Parent=53995c3f42cd8ad8"},
        {"x_amzn_trace_id": ";" * 4000},
    ],
)
def test_without_an_incoming_trace_a_new_one_is_made(
    stage: Stage, function: str, headers: dict[str, str]
) -> None:
    first, second = (_trace_id(stage, function, **headers) for _ in range(2))
    for trace_id in (first, second):
        assert re.fullmatch("[0-9a-f]{32}", trace_id)
    assert first != second


def test_the_log_of_a_request_has_its_trace_id(sample: Stage) -> None:
    event = with_headers(
        sample_events.read("create_reservation", "full"), traceparent=f"00-{W3C}-00f067aa0ba902b7-01"
    )
    assert sample.request("create_reservation", event).status == 202
    assert sample.log_lines[-1]["trace_id"] == W3C


def test_the_next_request_has_another_trace_id(reserved: Stage) -> None:
    event = with_headers(
        sample_events.read("delete_reservation", "accepted"), traceparent=f"00-{W3C}-00f067aa0ba902b7-01"
    )
    assert reserved.request("delete_reservation", event).status == 202
    before = len(reserved.log_lines)
    reserved.run_event("reservation_steps", "release_reservation")
    reserved.request_event("get_reservation", "found")
    later = reserved.log_lines[before:]
    assert {line["function"] for line in later} == {"reservation_steps", "get_reservation"}
    assert not any(line.get("trace_id") == W3C for line in later)

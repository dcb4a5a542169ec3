from __future__ import annotations

import pytest

from gpu_capacity.http.tracing import trace_id_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHERWISE = "0" * 31 + "1"


def _amazon(root: str) -> dict[str, str]:
    return {"x-amzn-trace-id": root}


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-00",
        f"01-{TRACE}-00f067aa0ba902b7-01-more",
    ],
)
def test_a_w3c_trace_is_continued(header: str) -> None:
    assert trace_id_of({"traceparent": header}, OTHERWISE) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        f"Root=1-{TRACE[:8]}-{TRACE[8:]}",
        f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=53995c3f42cd8ad8;Sampled=1",
        f"Self=1-67891234-12456789abcdef012345678;Root=1-{TRACE[:8]}-{TRACE[8:]}",
    ],
)
def test_an_amazon_trace_is_continued(header: str) -> None:
    assert trace_id_of(_amazon(header), OTHERWISE) == TRACE


def test_the_w3c_trace_has_priority_over_amazons() -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", **_amazon(f"Root=1-{'a' * 8}-{'b' * 24}")}

    assert trace_id_of(headers, OTHERWISE) == TRACE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": ""},
        {"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{TRACE.upper()}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{TRACE[:-1]}-00f067aa0ba902b7-01"},
        {"traceparent": f"00-{TRACE}zz-00f067aa0ba902b7-01"},
        _amazon("Root=2-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb"),
        _amazon("Root=1-aaaaaaaa-short"),
        _amazon("Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbbb"),
        _amazon("Parent=53995c3f42cd8ad8"),
    ],
)
def test_without_a_valid_header_the_generated_request_id_is_used(headers: dict[str, str]) -> None:
    assert trace_id_of(headers, OTHERWISE) == OTHERWISE

"""Cross-origin requests: allowed for one configured console; otherwise no response mentions origins."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers import sample_events
from testkit.handlers.stage import Answer, Stage

CONSOLE = "https://console.example.com"


@pytest.fixture
def open_stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch, CORS_ORIGIN=CONSOLE)


def _preflight(stage: Stage, path: str = "/api/v2/reservations") -> Answer:
    """As a browser sends it: without a token, whatever the following request has."""
    event = sample_events.read("reject_unknown_route", "preflight") | {"resource": path}
    return stage.request("reject_unknown_route", event)


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS.values()}))
def test_a_preflight_without_a_token_is_answered_with_the_allowed_methods_and_headers(
    open_stage: Stage, path: str
) -> None:
    answer = _preflight(open_stage, path)
    assert (answer.status, answer.text) == (HTTPStatus.NO_CONTENT, "")
    assert answer.headers["access-control-allow-origin"] == CONSOLE
    methods = set(answer.headers["access-control-allow-methods"].split(", "))
    assert methods == {o.method for o in OPERATIONS.values() if o.path == path}
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= set(allowed)


def test_an_options_request_that_is_no_preflight_is_a_wrong_method(open_stage: Stage) -> None:
    event = sample_events.read("reject_unknown_route", "preflight")
    for part in ("headers", "multiValueHeaders"):
        event[part] = {n: v for n, v in event[part].items() if not n.startswith("Access-Control")}
    assert open_stage.request("reject_unknown_route", event).status == HTTPStatus.METHOD_NOT_ALLOWED


def test_a_preflight_for_an_unknown_path_allows_nothing(open_stage: Stage) -> None:
    event = sample_events.read("reject_unknown_route", "preflight")
    event |= {"resource": "/{proxy+}", "pathParameters": {"proxy": "elsewhere"}}
    assert open_stage.request("reject_unknown_route", event).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("function", [*OPERATIONS, "reject_unknown_route"])
def test_the_console_may_read_every_response_and_without_one_none_mentions_origins(
    open_stage: Stage, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    cases = [case for owner, case in sample_events.cases() if owner == function]
    for case in cases:
        answer = open_stage.request_event(function, case)
        assert answer.headers["access-control-allow-origin"] == CONSOLE, case
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"etag", "link", "retry-after"} <= set(exposed), case
    closed = Stage(monkeypatch)
    for case in cases:
        answer = closed.request_event(function, case)
        assert not [name for name in answer.headers if name.startswith("access-control-")], case


def test_without_a_console_a_preflight_is_a_wrong_method(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _preflight(Stage(monkeypatch)).status == HTTPStatus.METHOD_NOT_ALLOWED


def test_an_internal_error_may_be_read_by_the_console(open_stage: Stage) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("boom")

    open_stage.db.before("*", surprise)
    answer = open_stage.request_event("list_reservations", "all")
    assert answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.headers["access-control-allow-origin"] == CONSOLE


def test_no_response_allows_cookies(open_stage: Stage) -> None:
    assert "access-control-allow-credentials" not in _preflight(open_stage).headers

"""Requests for no operation: 404, or 405 with the allowed methods."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers import sample_events
from testkit.handlers.sample_events import SAMPLE_ID, with_headers, with_path
from tests.functional.api_cases import allowed

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage

METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS")
PATHS = {
    re.sub(r"{\w+}", SAMPLE_ID, operation.path): allowed(operation.path)
    for operation in OPERATIONS.values()
    if operation.path.startswith("/api/")
}


def _reject(stage: Stage, path: str, method: str = "PUT") -> Answer:
    event = with_path(sample_events.read("reject_unknown_route", "root"), path, method)
    return stage.request("reject_unknown_route", event)


@pytest.mark.parametrize(("path", "allowed"), PATHS.items())
@pytest.mark.parametrize("method", METHODS)
def test_a_known_path_is_answered_with_its_allowed_methods(
    stage: Stage, path: str, allowed: str, method: str
) -> None:
    if method in allowed.split(", "):
        return
    answer = _reject(stage, path, method)
    assert (answer.status, answer.json["error"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/api",
        "/api/v1/reservations",
        "/api/v2/reservations/",
        "/api/v2//reservations",
        f"/api/v2/reservations/{SAMPLE_ID}/units",
        "/API/V2/RESERVATIONS",
        "/api/version/",
        "/favicon.ico",
        "/.env",
        "/" + "x" * 5000,
        "/api/v2/réservations",
    ],
)
def test_an_unknown_path_is_not_found_and_not_echoed(stage: Stage, path: str) -> None:
    answer = _reject(stage, path)
    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert "allow" not in answer.headers
    assert answer.json["error_description"] == "the requested resource does not exist"


def test_no_token_is_required_or_read(stage: Stage) -> None:
    event = with_headers(sample_events.read("reject_unknown_route", "root"), authorization="Bearer nonsense")
    assert stage.request("reject_unknown_route", event).status == 404


@pytest.mark.parametrize("other", [{"resource": "/elsewhere"}, {"httpMethod": "HEAD"}], ids=["path", "verb"])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_that_is_reached_by_another_route_is_not_found(
    stage: Stage, name: str, other: dict[str, str]
) -> None:
    """Only a mistake in the template could cause this; it must not look like a success."""
    operation = OPERATIONS[name]
    right = {"httpMethod": operation.method, "resource": operation.path}
    event = with_path(sample_events.read("reject_unknown_route", "root"), "/elsewhere", "GET") | right | other
    answer = stage.request(name, event, profile="member")
    assert answer.status == 404
    # Each API answers in its own format.
    shown = answer.json.get("error", answer.json.get("code", answer.json.get("detail")))
    assert shown in {"not_found", 5, "the requested resource does not exist"}
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("case", ["wrong_method", "unknown_route"])
def test_the_base_path_of_a_custom_domain_does_not_change_the_response(stage: Stage, case: str) -> None:
    """The gateway leaves it in the path that it passes on, and removes it from the route."""
    event = sample_events.read("reject_unknown_route", case)
    plain = stage.request("reject_unknown_route", event)
    event["path"] = event["requestContext"]["path"] = f"/gpu{event['path']}"
    assert stage.request("reject_unknown_route", event) == plain


def test_an_unknown_path_below_a_base_path_is_answered_in_the_format_of_its_api(stage: Stage) -> None:
    event = with_path(sample_events.read("reject_unknown_route", "root"), "/vms/a/b/c", "GET")
    event["path"] = "/gpu/vms/a/b/c"
    assert "detail" in stage.request("reject_unknown_route", event).json

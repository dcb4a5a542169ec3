"""Every error in the format of the VM API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity import errors
from gpu_capacity.runtime.apis.unmatched import error_shape
from gpu_capacity.vms.api.errors import VmErrors

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage

TRACE = "37f74c5f9ce9480ea1d8457a93ae5a6f"


@pytest.mark.parametrize(
    ("error", "status", "detail", "headers"),
    [
        (errors.ActionRefused("not now"), 400, "not now", {}),
        (errors.Conflict("taken"), 400, "taken", {}),
        (errors.FailedPrecondition("K", "s", "not so"), 400, "not so", {}),
        (errors.Forbidden("no right"), 403, "no right", {}),
        (errors.NotFound("absent"), 404, "absent", {}),
        (errors.RateLimited(7), 429, "too many requests: wait, then go on", {"Retry-After": "7"}),
        (errors.RaceLost("x"), 500, "the request was not decided (x): try again", {"Retry-After": "1"}),
        (
            errors.StorageUnavailable("x", outcome_unknown=True),
            500,
            "the request was not decided: try again",
            {"Retry-After": "1"},
        ),
        (errors.ProviderUnavailable("secret"), 500, "an unexpected error occurred", {}),
        (errors.Misconfigured("secret"), 500, "an unexpected error occurred", {}),
        (
            errors.InvalidRequest("query limit", "must be given once"),
            422,
            [{"loc": ["query", "limit"], "msg": "must be given once", "type": "value_error"}],
            {},
        ),
        (
            errors.InvalidRequest("query a b", "unknown", ("header X-Organization-Id", "required")),
            422,
            [
                {"loc": ["query", "a b"], "msg": "unknown", "type": "value_error"},
                {"loc": ["header", "X-Organization-Id"], "msg": "required", "type": "value_error"},
            ],
            {},
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_is_reported_as_a_detail(
    error: errors.CapacityError, status: int, detail: object, headers: dict[str, str]
) -> None:
    reply = VmErrors().refuse(error, TRACE)
    assert (reply.status, reply.body) == (status, {"detail": detail})
    assert reply.headers == {"Cache-Control": "no-cache"} | headers


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("/vms", True),
        ("/vms/x/start", True),
        ("/ssh-keys/x", True),
        ("/reservations/calculate", True),
        ("/search", True),
        ("/pricing", True),
        ("/vmss", False),
        ("/api/v2/reservations", False),
        ("/v1alpha1/vms", False),
        ("/", False),
    ],
)
def test_unknown_paths_are_reported_in_the_format_of_the_api_they_belong_to(path: str, theirs: bool) -> None:  # noqa: FBT001 - a column
    assert isinstance(error_shape(path), VmErrors) == theirs


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/vms", 405, "GET, POST"),
        ("GET", "/vms/some-id/start", 405, "POST"),
        ("POST", "/pricing", 405, "GET"),
        ("GET", "/vms/some-id/reboot", 404, None),
    ],
)
def test_a_wrong_method_is_reported_with_the_allowed_ones(
    stage: Stage, method: str, path: str, status: int, allow: str | None
) -> None:
    event: dict[str, Any] = {"resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": {}}
    event["pathParameters"] = {"proxy": path.removeprefix("/")}
    answer = stage.send("reject_unknown_route", event=event)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert set(answer.json) == {"detail"}


def test_an_internal_error_is_reported_by_its_trace_id_alone(stage: Stage) -> None:
    def fail(_operation: str, _parameters: dict[str, Any]) -> None:
        raise RuntimeError("the inside of the service")

    stage.db.before("query", fail, times=None)
    answer = stage.send("list_vms", "all")
    assert answer.status == 500
    assert answer.json == {"detail": "an unexpected error occurred"}
    assert "the inside of the service" in stage.log
    assert answer.headers["x-trace-id"] in stage.log

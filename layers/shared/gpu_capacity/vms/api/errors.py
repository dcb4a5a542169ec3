"""Errors in the shape of the VM API: ``{"detail": …}``, with a list of problems if the request is malformed.

``docs/errors.md`` says what customers should do. The trace id is in the header that every response has,
because the shape has no place for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gpu_capacity.errors import (
    ActionRefused,
    CapacityError,
    Conflict,
    DoesNotFit,
    FailedPrecondition,
    Forbidden,
    InvalidRequest,
    KeyReused,
    NotFound,
    QuotaExceeded,
    RateLimited,
    SliceUnavailable,
    TryAgain,
    Unauthenticated,
)
from gpu_capacity.http.call import (
    RETRY_AFTER_SECONDS,
    BodyInvalid,
    BodyTooLarge,
    MalformedBody,
    Reply,
    UnsupportedMediaType,
    try_again,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Detail: TypeAlias = "str | list[dict[str, Any]]"

# The most specific class that an error is an instance of decides.
_STATUSES: Final[dict[type[CapacityError], int]] = {
    ActionRefused: 400,
    Conflict: 400,
    KeyReused: 409,
    DoesNotFit: 400,
    FailedPrecondition: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    BodyInvalid: 422,
    BodyTooLarge: 422,
    InvalidRequest: 422,
    MalformedBody: 422,
    UnsupportedMediaType: 422,
    RateLimited: 429,
}


class QueryInvalid(CapacityError):
    """Query parameters are malformed; ``problems`` name them and never echo values."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__("query invalid")
        self.problems = problems


class VmErrors:
    """Maps every error to a reply. Only this module knows the shape of errors of this API."""

    def refuse(self, error: CapacityError, _trace_id: str) -> Reply:
        """The reply to an error that the service raised on purpose."""
        if isinstance(error, QueryInvalid):
            return _reply(422, _problems("query", error.problems))
        for kind in type(error).__mro__:
            if kind in _STATUSES:
                reply = _reply(_STATUSES[kind], _detail(error), _headers(error))
                return replace(reply, body=reply.body | _figures(error))
        if isinstance(error, TryAgain):
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return _reply(500, try_again(error), retry)
        return self.unexpected(_trace_id)

    def unexpected(self, _trace_id: str) -> Reply:
        """The reply to a defect. The log has the stack trace under the trace id of the header."""
        return _reply(500, "an unexpected error occurred")

    def unknown_route(self, _trace_id: str) -> Reply:
        """The reply to a path that no operation has."""
        return _reply(404, "the requested resource does not exist")

    def wrong_method(self, allowed: Sequence[str], _trace_id: str) -> Reply:
        """The reply to a path that has operations under other methods only."""
        allow = {"Allow": ", ".join(allowed)}
        return _reply(405, "the requested method is not allowed on this resource", allow)


def _reply(status: int, detail: Detail, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"detail": detail}, {"Cache-Control": "no-cache", **(headers or {})})


def _detail(error: CapacityError) -> Detail:
    """A text; for a malformed request a list of problems, which name places and never echo values."""
    match error:
        case BodyInvalid():
            return _problems("body", error.problems)
        case InvalidRequest():
            # A place is two words, such as "header X-Organization-Id" or "body ssh_public_key".
            return [_problem([*place.split(" ", 1)], what, "value_error") for place, what in error.problems]
        case MalformedBody():
            return [_problem(["body"], "JSON decode error", "json_invalid")]
        case BodyTooLarge():
            return [_problem(["body"], str(error), "too_long")]
        case UnsupportedMediaType():
            return [_problem(["header", "content-type"], str(error), "value_error")]
        case _:
            return str(error)


def _figures(error: CapacityError) -> dict[str, Any]:
    """What a node can give, or the figures of a quota, as fields. They are additions to the contract."""
    if isinstance(error, QuotaExceeded):
        figures = {
            "subject": error.subject,
            "requested": error.requested,
            "limit": error.limit,
            "used": error.used,
        }
        return {"quota": figures}
    if not isinstance(error, SliceUnavailable):
        return {}
    capacity: dict[str, Any] = {
        "requested_gpu_count": error.requested,
        "node_gpu_count": error.most,
        "can_ever_fit": error.requested <= error.most,
    }
    if error.largest is not None:
        capacity["largest_available_gpu_count"] = error.largest
    return {"capacity": capacity}


def _problems(place: str, problems: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_problem([place, *problem["loc"]], problem["msg"], problem["type"]) for problem in problems]


def _problem(loc: list[str | int], msg: str, kind: str) -> dict[str, Any]:
    return {"loc": loc, "msg": msg, "type": kind}


def _headers(error: CapacityError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": error.challenge}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {}

"""Errors in the shape of the capacity claims API: ``google.rpc.Status`` as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic.alias_generators import to_snake

from gpu_capacity.errors import (
    AlreadyExists,
    CapacityError,
    FailedPrecondition,
    Forbidden,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    RateLimited,
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

_TYPE: Final = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class _Code:
    """An HTTP status and the gRPC code that goes with it."""

    http: int
    grpc: int


_INVALID_ARGUMENT: Final = _Code(400, 3)
_NOT_FOUND: Final = _Code(404, 5)
_INTERNAL: Final = _Code(500, 13)

# The most specific class that an error is an instance of decides.
_CODES: Final[dict[type[CapacityError], _Code]] = {
    InvalidRequest: _INVALID_ARGUMENT,
    MalformedBody: _INVALID_ARGUMENT,
    BodyInvalid: _INVALID_ARGUMENT,
    BodyTooLarge: _Code(413, 3),
    UnsupportedMediaType: _Code(415, 3),
    NotFound: _NOT_FOUND,
    AlreadyExists: _Code(409, 6),
    Forbidden: _Code(403, 7),
    QuotaExceeded: _Code(429, 8),
    RateLimited: _Code(429, 8),
    FailedPrecondition: _Code(400, 9),
    Unauthenticated: _Code(401, 16),
}


class ClaimErrors:
    """Maps every error to a reply. Only this module knows the shape of errors of this API."""

    def refuse(self, error: CapacityError, trace_id: str) -> Reply:
        """The reply to an error that the service raised on purpose."""
        for kind in type(error).__mro__:
            if kind in _CODES:
                return _reply(_CODES[kind], str(error), _details(error), trace_id, _headers(error))
        if isinstance(error, TryAgain):
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return _reply(_INTERNAL, try_again(error), [], trace_id, retry)
        return self.unexpected(trace_id)

    def unexpected(self, trace_id: str) -> Reply:
        """The reply to a defect: the trace id, under which the log has the stack trace."""
        return _reply(_INTERNAL, "an unexpected error occurred", [], trace_id)

    def unknown_route(self, trace_id: str) -> Reply:
        """The reply to a path that no operation has."""
        missing = "the requested resource does not exist"
        return _reply(_NOT_FOUND, missing, [_resource("Route", "", missing)], trace_id)

    def wrong_method(self, allowed: Sequence[str], trace_id: str) -> Reply:
        """The reply to a path that has operations under other methods only; UNIMPLEMENTED in gRPC."""
        allow = {"Allow": ", ".join(allowed)}
        return _reply(
            _Code(405, 12), "the requested method is not allowed on this resource", [], trace_id, allow
        )


def _reply(
    code: _Code,
    message: str,
    details: list[dict[str, Any]],
    trace_id: str,
    headers: dict[str, str] | None = None,
) -> Reply:
    request = {"@type": f"{_TYPE}RequestInfo", "requestId": trace_id}
    body = {"code": code.grpc, "message": message, "details": [*details, request]}
    return Reply(code.http, body, {"Cache-Control": "no-cache", **(headers or {})})


def _details(error: CapacityError) -> list[dict[str, Any]]:
    """The typed details of an error. They name fields and resources, and never echo values."""
    if isinstance(error, RateLimited):
        return [{"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after_seconds}s"}]
    return _typed(error)


def _typed(error: CapacityError) -> list[dict[str, Any]]:
    match error:
        case BodyInvalid():
            violations = [
                {"field": _field_path(problem["loc"]), "description": problem["msg"]}
                for problem in error.problems
            ]
        case InvalidRequest():
            violations = [{"field": place, "description": what} for place, what in error.problems]
        case NotFound():
            return [_resource("CapacityClaim", error.resource_name, str(error))]
        case AlreadyExists():
            return [_resource(error.resource_type, error.resource_name, str(error))]
        case QuotaExceeded():
            return [
                {
                    "@type": f"{_TYPE}QuotaFailure",
                    "violations": [_quota_violation(error)],
                }
            ]
        case FailedPrecondition():
            violation = {"type": error.kind, "subject": error.subject, "description": str(error)}
            return [{"@type": f"{_TYPE}PreconditionFailure", "violations": [violation]}]
        case _:
            return []
    return [{"@type": f"{_TYPE}BadRequest", "fieldViolations": violations}]


def _field_path(location: Sequence[str | int]) -> str:
    """The path of a field in the names of the protocol buffers, such as ``resources.zones[1]``."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += ("." if path else "") + to_snake(part)
    return path


def _resource(kind: str, name: str, description: str) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}ResourceInfo",
        "resourceType": kind,
        "resourceName": name,
        "description": description,
    }


def _quota_violation(error: QuotaExceeded) -> dict[str, Any]:
    """A quota's figures as fields; ``quotaValue`` is an int64, so a string in protocol buffers' JSON."""
    return {
        "subject": f"organization:{error.subject}",
        "description": str(error),
        "quotaMetric": error.subject,
        "quotaValue": str(error.limit),
        "quotaDimensions": {"requested": str(error.requested), "used": str(error.used)},
    }


def _headers(error: CapacityError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": error.challenge}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {}

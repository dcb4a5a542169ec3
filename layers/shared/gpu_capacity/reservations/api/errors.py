"""Errors in the shape of the reservations API: ``{error, error_description, trace_id}``.

If fields are wrong, the description names all of them, and so does the list ``errors``, an addition to the
contract. The error words are the published enum. It has none for lack of capacity, so a 507 is a
``server_error`` whose description has the figures. ``docs/errors.md`` says what customers should do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.errors import (
    ActionRefused,
    CapacityError,
    Conflict,
    Forbidden,
    HostsUnavailable,
    InsufficientCapacity,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ProviderUnavailable,
    QuotaExceeded,
    RateLimited,
    StateConflict,
    TryAgain,
    Unauthenticated,
    UnitsOccupied,
    Unprocessable,
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
from gpu_capacity.reservations.api.release import blockers_view
from gpu_capacity.strict_json import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence


# The most specific class that an error is an instance of decides.
_ANSWERS: Final[dict[type[CapacityError], tuple[int, str]]] = {
    InvalidRequest: (400, "invalid_request"),
    MalformedBody: (400, "invalid_request"),
    BodyInvalid: (400, "invalid_request"),
    Unauthenticated: (401, "access_denied"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "not_found"),
    ActionRefused: (409, "conflict"),
    Conflict: (409, "conflict"),
    StateConflict: (409, "conflict"),
    PreconditionFailed: (412, "conflict"),
    PreconditionRequired: (428, "invalid_request"),
    HostsUnavailable: (409, "conflict"),
    BodyTooLarge: (413, "request_entity_too_large"),
    Unprocessable: (422, "unprocessable_content"),
    RateLimited: (429, "server_error"),
    UnsupportedMediaType: (415, "unsupported_media_type"),
    InsufficientCapacity: (507, "server_error"),
}


class ReservationErrors:
    """Maps every error to a reply. Only this module knows the shape of errors of this API."""

    def refuse(self, error: CapacityError, trace_id: str) -> Reply:
        """The reply to an error that the service raised on purpose."""
        if isinstance(error, UnitsOccupied):
            return Reply(422, blockers_view(error), {"Cache-Control": "no-cache"})
        for kind in type(error).__mro__:
            if kind in _ANSWERS:
                status, word = _ANSWERS[kind]
                reply = _reply(status, word, _describe(error), trace_id, _headers(error))
                return replace(reply, body=reply.body | _figures(error))
        if isinstance(error, ProviderUnavailable):
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return _reply(
                500, "server_error", "the host provider did not answer: try again", trace_id, headers
            )
        if isinstance(error, TryAgain):
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return _reply(500, "server_error", try_again(error), trace_id, headers)
        return self.unexpected(trace_id)

    def unexpected(self, trace_id: str) -> Reply:
        """The reply to a defect: the trace id, under which the log has the stack trace."""
        return _reply(500, "server_error", "an unexpected error occurred", trace_id)

    def unknown_route(self, trace_id: str) -> Reply:
        """The reply to a path that no operation has."""
        return _reply(404, "not_found", "the requested resource does not exist", trace_id)

    def wrong_method(self, allowed: Sequence[str], trace_id: str) -> Reply:
        """The reply to a path that has operations under other methods only."""
        return _reply(
            405,
            "method_not_allowed",
            "the requested method is not allowed on this resource",
            trace_id,
            {"Allow": ", ".join(allowed)},
        )


def _reply(status: int, word: str, text: str, trace_id: str, headers: dict[str, str] | None = None) -> Reply:
    body = {"error": word, "error_description": text, "trace_id": trace_id}
    return Reply(status, body, {"Cache-Control": "no-cache", **(headers or {})})


def _problems(error: CapacityError) -> list[tuple[str, str]]:
    """Every wrong field with its problem; never echoes values."""
    match error:
        case InvalidRequest():
            return [*error.problems]
        case BodyInvalid():
            return [(dotted(tuple(problem["loc"])), str(problem["msg"])) for problem in error.problems]
        case _:
            return []


def _describe(error: CapacityError) -> str:
    """The ``error_description``."""
    problems = [f"{field}: {what}" if field else what for field, what in _problems(error)]
    return "; ".join(problems) or str(error)


def _figures(error: CapacityError) -> dict[str, Any]:
    """The figures of a refusal as fields, so that no client has to parse the description.

    They are additions to the contract.
    """
    match error:
        case InvalidRequest() | BodyInvalid():
            return {"errors": [{"field": field, "problem": what} for field, what in _problems(error)]}
        case InsufficientCapacity(reason=reason):
            figures = {
                "requestedUnitCount": reason.requested,
                "availableUnitCount": reason.available,
                "largestContiguousUnitCount": reason.largest_run,
                "largestPossibleUnitCount": reason.largest_possible,
                "canEverFit": not reason.is_lasting,
                "excluded": {
                    "claimed": reason.claimed,
                    "cordoned": reason.cordoned,
                    "incomplete": reason.incomplete,
                },
            }
            return {"capacity": figures}
        case HostsUnavailable(reason=short):
            ready = {} if short.ready is None else {"readyHostCount": short.ready}
            hosts = {
                "requestedHostCount": short.requested,
                "totalHostCount": short.hosts,
                "freeHostCount": short.free,
                "canEverFit": not short.is_lasting,
            }
            spare = {"spareHostCount": short.spare} if short.spare else {}
            return {"hosts": hosts | ready | spare}
        case QuotaExceeded():
            limits = {
                "subject": error.subject,
                "requested": error.requested,
                "limit": error.limit,
                "used": error.used,
            }
            return {"quota": limits}
        case _:
            return {}


def _headers(error: CapacityError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": error.challenge}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {}

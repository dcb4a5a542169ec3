"""The ways in which the service says no, whatever the API."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED_PRECONDITION: Final = 9
"""The gRPC code with which capacity claims say that a state does not allow something."""


class Kind(StrEnum):
    """What a refusal asks of the caller."""

    USAGE = "usage"
    """The request is malformed, or asks for what no region offers: correct it."""
    REFUSED = "refused"
    """Something stands against it that waiting does not remove."""
    NOT_NOW = "not now"
    """The request is fine: wait, ask for less, or send it again."""
    NOT_THERE = "not there"
    """No such thing, or not visible to the caller."""
    NOT_ALLOWED = "not allowed"
    """The credential is missing, has expired, or lacks a permission."""
    SERVER = "server"
    """A defect of the service, or it did not answer."""


KINDS: Final = {
    HTTPStatus.UNAUTHORIZED: Kind.NOT_ALLOWED,
    HTTPStatus.FORBIDDEN: Kind.NOT_ALLOWED,
    HTTPStatus.NOT_FOUND: Kind.NOT_THERE,
    HTTPStatus.CONFLICT: Kind.REFUSED,
    HTTPStatus.PRECONDITION_FAILED: Kind.REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: Kind.NOT_NOW,
    HTTPStatus.INSUFFICIENT_STORAGE: Kind.NOT_NOW,
}
"""What a status means by itself. Other statuses below 500 are of usage, those above are the server's."""


class Refused(Exception):
    """The service said no.

    ``body`` is its answer as it came. ``problems`` has a pair of field and problem for each field that is
    wrong. ``retry_after_seconds`` is set if the service asked to send the request again.
    """

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        self.status = status
        self.body = body
        self.problems = _problems(body)
        self.retry_after_seconds = _seconds(headers.get("retry-after"))
        self.trace_id = headers.get("x-trace-id")
        self.kind = _kind(status, body, comes_back=self.retry_after_seconds is not None)
        super().__init__(_message(status, body))


class Unreachable(Refused):
    """No answer came: the request may or may not have been carried out."""

    def __init__(self, reason: str) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, None, {})
        self.args = (reason,)


def _kind(status: int, body: Any, *, comes_back: bool) -> Kind:
    told = body if isinstance(body, dict) else {}
    if status in KINDS:
        kind = KINDS[HTTPStatus(status)]
    else:
        kind = Kind.SERVER if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Kind.USAGE
    if status == HTTPStatus.BAD_REQUEST and ("detail" in told or told.get("code") == FAILED_PRECONDITION):
        # Of the VM API a 400 is about a state or about room; what is malformed is a 422.
        kind = Kind.REFUSED
    if "quota" in told or comes_back:
        kind = Kind.NOT_NOW
    if "blockers" in told:
        kind = Kind.REFUSED
    figures = told.get("capacity", told.get("hosts"))
    if isinstance(figures, dict):
        kind = Kind.NOT_NOW if figures.get("canEverFit", figures.get("can_ever_fit")) else Kind.REFUSED
    return kind


def _message(status: int, body: Any) -> str:
    """What the service says of it, for people."""
    told = body if isinstance(body, dict) else {}
    for name in ("error_description", "message", "detail"):
        if isinstance(told.get(name), str):
            return str(told[name])
    if isinstance(told.get("blockers"), list):
        units = [blocker.get("unitId") for blocker in told["blockers"] if isinstance(blocker, dict)]
        return f"placements have hosts of the units {', '.join(map(str, units))}"
    problems = _problems(body)
    if problems:
        return "; ".join(f"{field}: {problem}" for field, problem in problems)
    return f"the service answered {status}"


def _problems(body: Any) -> list[tuple[str, str]]:
    """The fields that are wrong, in any of the three shapes."""
    told = body if isinstance(body, dict) else {}
    found: list[tuple[str, str]] = []
    for entry in _objects(told.get("errors")):
        found += [(str(entry.get("field")), str(entry.get("problem")))]
    for detail in _objects(told.get("details")):
        for entry in _objects(detail.get("fieldViolations")):
            found += [(str(entry.get("field")), str(entry.get("description")))]
    for entry in _objects(told.get("detail")):
        place = entry.get("loc")
        field = ".".join(str(part) for part in place) if isinstance(place, list) else str(place)
        found += [(field, str(entry.get("msg")))]
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None

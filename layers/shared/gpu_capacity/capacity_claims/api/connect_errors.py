"""Errors of the capacity claims in the shape of Connect: a word as code, and details in binary."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.api.errors import ClaimErrors
from gpu_capacity.capacity_claims.api.messages import DETAILS
from gpu_capacity.errors import TryAgain
from gpu_capacity.http.call import Reply, UnsupportedMediaType
from gpu_capacity.http.connect import JSON, PROTO, UnsupportedEncoding
from gpu_capacity.http.protobuf.wire import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.errors import CapacityError

_CODES: Final = {
    3: ("invalid_argument", HTTPStatus.BAD_REQUEST),
    5: ("not_found", HTTPStatus.NOT_FOUND),
    6: ("already_exists", HTTPStatus.CONFLICT),
    7: ("permission_denied", HTTPStatus.FORBIDDEN),
    8: ("resource_exhausted", HTTPStatus.TOO_MANY_REQUESTS),
    9: ("failed_precondition", HTTPStatus.BAD_REQUEST),
    13: ("internal", HTTPStatus.INTERNAL_SERVER_ERROR),
    16: ("unauthenticated", HTTPStatus.UNAUTHORIZED),
}
"""The words and statuses of the gRPC codes that the REST API has in its errors."""

_UNAVAILABLE: Final = ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
_UNIMPLEMENTED: Final = ("unimplemented", HTTPStatus.NOT_IMPLEMENTED)
_TYPE_URL: Final = "type.googleapis.com/"


class ConnectErrors:
    """Maps every error to a reply: what the REST API says, in Connect's words."""

    def __init__(self) -> None:
        self._rest = ClaimErrors()

    def refuse(self, error: CapacityError, trace_id: str) -> Reply:
        """The reply to an error that the service raised on purpose."""
        reply = self._rest.refuse(error, trace_id)
        if isinstance(error, TryAgain):
            # Clients repeat it.
            return _reply(reply, *_UNAVAILABLE)
        if isinstance(error, UnsupportedEncoding):
            return _reply(reply, *_UNIMPLEMENTED, message=str(error), headers={"Accept-Encoding": "gzip"})
        if isinstance(error, UnsupportedMediaType):
            # Clients of other protocols understand the status only, from which Connect infers this word.
            accepted = {"Accept-Post": f"{PROTO}, {JSON}"}
            return _reply(reply, "unknown", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers=accepted)
        return _reply(reply, *_CODES[reply.body["code"]])

    def unexpected(self, trace_id: str) -> Reply:
        """The reply to a defect: the trace id, under which the log has the stack trace."""
        reply = self._rest.unexpected(trace_id)
        return _reply(reply, *_CODES[reply.body["code"]])

    def unknown_route(self, trace_id: str) -> Reply:
        """The reply to a method that the service does not have."""
        reply = self._rest.unknown_route(trace_id)
        message = "the service has no such method"
        return _reply(reply, _UNIMPLEMENTED[0], HTTPStatus.NOT_FOUND, message=message)

    def wrong_method(self, allowed: Sequence[str], trace_id: str) -> Reply:
        """The reply to anything but a POST."""
        reply = self._rest.wrong_method(allowed, trace_id)
        return _reply(reply, _UNIMPLEMENTED[0], HTTPStatus.METHOD_NOT_ALLOWED)


def _reply(
    reply: Reply,
    code: str,
    status: int,
    *,
    message: str | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """The reply of the REST API under another code. With another message, only the request's id is left."""
    details = reply.body["details"][-1:] if message else reply.body["details"]
    body = {
        "code": code,
        "message": message or reply.body["message"],
        "details": [_detail(detail) for detail in details],
    }
    return Reply(status, body, reply.headers | (headers or {}))


def _detail(detail: dict[str, Any]) -> dict[str, Any]:
    name = detail["@type"].removeprefix(_TYPE_URL)
    said = {field: value for field, value in detail.items() if field != "@type"}
    value = base64.b64encode(encode(DETAILS[name], said)).decode()
    return {"type": name, "value": value, "debug": said}

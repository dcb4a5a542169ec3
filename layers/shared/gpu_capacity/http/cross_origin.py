"""CORS: the headers that let a page of another origin, such as a console, call the APIs.

There is one allowed origin, which is configured. So every response names it, whatever the request's origin.
The gateway's own responses do as well (template.yaml).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gpu_capacity.http.call import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.http.proxy import ProxyRequest

REQUEST_HEADERS: Final = (
    "Authorization",
    "Connect-Protocol-Version",
    "Connect-Timeout-Ms",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "traceparent",
    "X-Organization-Id",
)
"""Request headers that the APIs read and that a page may send only if a preflight response allows it."""

ANSWER_HEADERS: Final = ("Allow", "ETag", "Link", "Retry-After", "WWW-Authenticate", "X-Trace-Id")
"""Response headers that pages may read."""

PREFLIGHT_SECONDS: Final = 7200
"""How long a browser may cache the response to a preflight request; no browser caches it for longer."""


def allowance(origin: str | None) -> dict[str, str]:
    """The CORS headers of every response; none without an allowed origin."""
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ", ".join(ANSWER_HEADERS),
    }


def preflight(request: ProxyRequest, methods: Sequence[str], origin: str | None) -> Reply | None:
    """The response to a preflight request, which has no token. None if the request is none.

    Args:
        request: the request.
        methods: those that the path has.
        origin: the allowed origin; None if no page may call, which is answered as any other OPTIONS request.
    """
    is_preflight = request.method == "OPTIONS" and "access-control-request-method" in request.headers
    if origin is None or not methods or not is_preflight:
        return None
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ", ".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return Reply(HTTPStatus.NO_CONTENT, None, allowed)

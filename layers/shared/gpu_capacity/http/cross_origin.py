"""What browsers ask for before a page of another origin, such as a console, may call the APIs (CORS).

The origin is one and known, so every answer names it, whoever asks; so do the gateway's own (template.yaml).
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
    "Content-Type",
    "Idempotency-Key",
    "traceparent",
    "X-Organization-Id",
)
"""Headers of requests that the APIs read and that no page may send unasked."""

ANSWER_HEADERS: Final = ("Allow", "Link", "Retry-After", "WWW-Authenticate", "X-Trace-Id")
"""Headers of answers that pages may read."""

PREFLIGHT_SECONDS: Final = 7200
"""How long a browser may remember the answer; none keeps it for longer."""


def allowance(origin: str | None) -> dict[str, str]:
    """Headers of every answer; none without an origin."""
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ", ".join(ANSWER_HEADERS),
    }


def preflight(request: ProxyRequest, methods: Sequence[str], origin: str | None) -> Reply | None:
    """The answer to a browser that asks what it may send to a path of these ``methods``; it carries no token.

    ``None`` where that is not what is asked, or where no page may call.
    """
    asks = request.method == "OPTIONS" and "access-control-request-method" in request.headers
    if origin is None or not methods or not asks:
        return None
    told = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ", ".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return Reply(HTTPStatus.NO_CONTENT, None, told)

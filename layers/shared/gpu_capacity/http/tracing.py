"""The trace id of a request: 32 hex digits, the client's own if it sent one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TRACE_HEADER: Final = "X-Trace-Id"
"""In every response, so that customers can ask about successful requests as well."""

_W3C: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_AMAZON: Final = re.compile(r"(?:.*;)?\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;.*)?")
_NO_TRACE: Final = "0" * 32


def trace_id_of(headers: Mapping[str, str], otherwise: str) -> str:
    """The trace id in ``traceparent`` (W3C) or ``X-Amzn-Trace-Id``, else ``otherwise``.

    Args:
        headers: by name in lower case.
        otherwise: 32 hex digits.
    """
    if (found := _W3C.fullmatch(headers.get("traceparent", ""))) and found[1] != _NO_TRACE:
        return found[1]
    if found := _AMAZON.fullmatch(headers.get("x-amzn-trace-id", "")):
        return found[1] + found[2]
    return otherwise

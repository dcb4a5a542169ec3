"""A bad request, and the status that its API must return."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from testkit.hostile.service import CLAIMS, RESERVATIONS, Ask, claim_body, reservation_body

SECRET: Final = "hunter2-do-not-repeat"


@dataclass(frozen=True)
class Bad:
    """A bad request. ``values`` are in the request and must be neither in the answer nor in the log.

    ``authorization``, if given, is sent instead of the owner's token.
    """

    name: str
    ask: Ask
    status: int
    values: tuple[str, ...] = ()
    authorization: str | None = None

    def __str__(self) -> str:
        return f"{self.ask.method} {'claims' if CLAIMS in self.ask.path else 'api'}: {self.name}"


def reservation(name: str, body: Any, status: int = 400, *values: str, **changes: Any) -> Bad:
    """A create of a reservation with this body, as JSON unless it is text."""
    return Bad(name, replace(Ask("POST", RESERVATIONS, _text(body)), **changes), status, values)


def claim(name: str, body: Any, status: int = 400, *values: str, **changes: Any) -> Bad:
    """A create of a claim with this body."""
    return Bad(name, replace(Ask("POST", CLAIMS, _text(body)), **changes), status, values)


def update(name: str, body: Any, status: int = 400, *values: str, **changes: Any) -> Bad:
    """An update of the owner's claim with this body."""
    return Bad(
        name, replace(Ask("PATCH", f"{CLAIMS}/claim of owner", _text(body)), **changes), status, values
    )


def put(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the body with another value at a dotted path."""
    changed = copy.deepcopy(body)
    *parents, last = path.split(".")
    part = changed
    for name in parents:
        part = part[name]
    part[last] = value
    return changed


def without(body: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the body without the field at a dotted path."""
    changed = copy.deepcopy(body)
    *parents, last = path.split(".")
    part = changed
    for name in parents:
        part = part[name]
    del part[last]
    return changed


def in_snake_case(body: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the body with the field at a dotted path under its name in snake case."""
    *parents, last = path.split(".")
    value = body
    for name in (*parents, last):
        value = value[name]
    renamed = re.sub("([A-Z])", lambda upper: f"_{upper[0].lower()}", last)
    return put(without(body, path), ".".join((*parents, renamed)), value)


def with_count(body: dict[str, Any], path: str, literal: str) -> str:
    """Return JSON text with a number that Python would not write."""
    return json.dumps(put(body, path, "@@")).replace('"@@"', literal)


def _text(body: Any) -> str | None:
    return body if isinstance(body, str) or body is None else json.dumps(body)


RESERVATION: Final = reservation_body()
CLAIM: Final = claim_body()

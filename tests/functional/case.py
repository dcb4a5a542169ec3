"""An event of the Reservation API, or of an API in its style, with the response that is expected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from testkit.handlers import arrangements as given
from tests.functional import contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Stage


@dataclass(frozen=True)
class ApiCase:
    """An event file, the state before it, and the expected response."""

    function: str
    event: str
    status: int
    schema: dict[str, Any] | None
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: Callable[[Stage], None] = given.reserved

    def __str__(self) -> str:
        return f"{self.function}/{self.event}-after-{self.after.__name__}"


def ok(
    function: str, event: str, schema: dict[str, Any] | None, status: int = 200, **changes: Any
) -> ApiCase:
    """A success."""
    return ApiCase(function, event, status, schema, **changes)


def no(function: str, event: str, status: int, error: str, **changes: Any) -> ApiCase:
    """A refusal."""
    return ApiCase(function, event, status, contract.ERROR, error, **changes)

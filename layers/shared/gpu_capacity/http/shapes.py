"""How an API tells its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.errors import CapacityError
    from gpu_capacity.http.call import Reply


class ErrorShape(Protocol):
    """How one API tells its errors."""

    def refuse(self, error: CapacityError, trace_id: str, /) -> Reply:
        """An error that was raised on purpose."""

    def unexpected(self, trace_id: str, /) -> Reply:
        """A defect."""

    def unknown_route(self, trace_id: str, /) -> Reply:
        """No operation has this path."""

    def wrong_method(self, allowed: Sequence[str], trace_id: str, /) -> Reply:
        """Operations have this path, under other methods."""

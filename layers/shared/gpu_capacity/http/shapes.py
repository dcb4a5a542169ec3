"""The port through which handlers render the errors of an API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.errors import CapacityError
    from gpu_capacity.http.call import Reply


class ErrorShape(Protocol):
    """Renders the errors of one API."""

    def refuse(self, error: CapacityError, trace_id: str, /) -> Reply:
        """The reply to an error that the service raised on purpose."""

    def unexpected(self, trace_id: str, /) -> Reply:
        """The reply to a defect."""

    def unknown_route(self, trace_id: str, /) -> Reply:
        """The reply to a path that no operation has."""

    def wrong_method(self, allowed: Sequence[str], trace_id: str, /) -> Reply:
        """The reply to a path that has operations under other methods only."""

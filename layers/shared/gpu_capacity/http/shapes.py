"""How an API tells its errors, and which API's way an unknown path gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from gpu_capacity.http.claim_errors import ClaimErrors
from gpu_capacity.http.reservation_errors import ReservationErrors
from gpu_capacity.http.vm_errors import VmErrors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.errors import CapacityError
    from gpu_capacity.http.call import Reply

CLAIMS_PREFIX: Final = "/v1alpha1"
VM_PREFIXES: Final = (
    "/vms",
    "/ssh-keys",
    "/reservations",
    "/search",
    "/pricing",
    "/templates",
    "/quotas",
    "/auth",
)


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


def error_shape(path: str) -> ErrorShape:
    """The shape of the API under whose path this falls; the reservations API owns what nobody else does."""
    if _falls_under(path, CLAIMS_PREFIX):
        return ClaimErrors()
    if any(_falls_under(path, prefix) for prefix in VM_PREFIXES):
        return VmErrors()
    return ReservationErrors()


def _falls_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")

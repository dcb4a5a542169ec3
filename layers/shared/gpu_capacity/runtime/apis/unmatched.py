"""Decides which API's error shape an unknown path gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.api.connect_errors import ConnectErrors
from gpu_capacity.capacity_claims.api.errors import ClaimErrors
from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.vms.api.errors import VmErrors

if TYPE_CHECKING:
    from gpu_capacity.http.shapes import ErrorShape

CLAIMS_PREFIX: Final = "/v1alpha1"
CONNECT_PREFIX: Final = "/coreweave.inference.v1alpha1."
"""Of every service that clients of the capacity claims may look for."""
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


def error_shape(path: str) -> ErrorShape:
    """The error shape of the API that has this path; paths of no API get that of the reservations API."""
    if _falls_under(path, CLAIMS_PREFIX):
        return ClaimErrors()
    if path.startswith(CONNECT_PREFIX):
        return ConnectErrors()
    if any(_falls_under(path, prefix) for prefix in VM_PREFIXES):
        return VmErrors()
    return ReservationErrors()


def _falls_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")

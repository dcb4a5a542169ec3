"""Which API's error shape an unknown path gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.http.claim_errors import ClaimErrors
from gpu_capacity.http.reservation_errors import ReservationErrors

if TYPE_CHECKING:
    from gpu_capacity.runtime.functions import ErrorShape

CLAIMS_PREFIX: Final = "/v1alpha1"


def error_shape(path: str) -> ErrorShape:
    """The shape of the API under whose path this falls; the reservations API owns what nobody else does."""
    if path == CLAIMS_PREFIX or path.startswith(f"{CLAIMS_PREFIX}/"):
        return ClaimErrors()
    return ReservationErrors()

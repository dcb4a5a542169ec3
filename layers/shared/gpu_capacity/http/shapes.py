"""Which API's error shape an unknown path gets."""

from __future__ import annotations

from gpu_capacity.http.reservation_errors import ReservationErrors


def error_shape(_path: str) -> ReservationErrors:
    """The shape of the API under whose path this falls; the reservations API owns what nobody else does."""
    return ReservationErrors()

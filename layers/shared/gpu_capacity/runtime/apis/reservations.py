"""Builds the Lambda handlers of the reservations API."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Every function of this API uses it. Imported here, because a starting function has more CPU than a request.
import gpu_capacity.reservations.store  # noqa: F401
from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.runtime.apis.limited import limited
from gpu_capacity.runtime.functions import api_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services


def reservation_function(name: str, handle: Callable[[Call[Services]], Reply]) -> LambdaHandler:
    """A handler of the operation ``name`` for callers with a verified token."""
    return api_function(name, ReservationErrors(), limited(name, handle))

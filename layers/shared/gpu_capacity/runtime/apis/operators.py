"""Builds the Lambda handlers of the operators' API. A function serves all operations of a noun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.runtime.apis.limited import limited
from gpu_capacity.runtime.apis.shared import check_served, shared_function
from gpu_capacity.runtime.functions import api_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services


def operator_function(function: str, **handles: Callable[[Call[Services]], Reply]) -> LambdaHandler:
    """A handler of all operations that the function serves, for callers with a verified token.

    Args:
        function: the name of the function.
        handles: does the work, by the name of the operation.

    Raises:
        ValueError: these are not the operations that the table of operations gives to the function.
    """
    check_served(function, handles)
    return shared_function(
        function,
        {
            name: api_function(name, ReservationErrors(), limited(name, handle))
            for name, handle in handles.items()
        },
    )

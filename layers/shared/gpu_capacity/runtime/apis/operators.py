"""Builds the Lambda handlers of the operators' API. A function serves all operations of a noun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.runtime.apis.limited import limited
from gpu_capacity.runtime.functions import api_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services


def operator_function(function: str, **handles: Callable[[Call[Services]], Reply]) -> LambdaHandler:
    """A handler of all operations that the function serves, for callers with a verified token.

    The gateway has matched the route, and a handler refuses a route that is not its own. So an event of no
    operation of this function is answered as an unknown route, by whichever handler comes first.

    Args:
        function: the name of the function.
        handles: does the work, by the name of the operation.

    Raises:
        ValueError: these are not the operations that the table of operations gives to the function.
    """
    served = {operation.name for operation in OPERATIONS.values() if operation.function == function}
    if served != set(handles):
        raise ValueError(f"{function} has to serve {', '.join(sorted(served))}")
    by_route = {
        (OPERATIONS[name].method, OPERATIONS[name].path): api_function(
            name, ReservationErrors(), limited(name, handle)
        )
        for name, handle in handles.items()
    }
    first = next(iter(by_route.values()))

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        return by_route.get((event["httpMethod"], event["resource"]), first)(event, context)

    return lambda_handler

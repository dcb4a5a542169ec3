"""A handler for a function that serves several operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.http.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gpu_capacity.runtime.observability import LambdaHandler


def shared_function(function: str, handlers: Mapping[str, LambdaHandler]) -> LambdaHandler:
    """A handler of all operations that the function serves.

    The gateway has matched the route, and a handler refuses a route that is not its own. So an event of no
    operation of this function is answered as an unknown route, by whichever handler comes first.

    Args:
        function: the name of the function.
        handlers: the handler of each operation, by name.

    Raises:
        ValueError: these are not the operations that the table of operations gives to the function.
    """
    check_served(function, handlers)
    by_route = {(OPERATIONS[n].method, OPERATIONS[n].path): handler for n, handler in handlers.items()}
    first = next(iter(by_route.values()))

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        return by_route.get((event["httpMethod"], event["resource"]), first)(event, context)

    return lambda_handler


def check_served(function: str, names: Collection[str]) -> None:
    """Check that a function serves these operations, and no others.

    Raises:
        ValueError: the table of operations gives others to the function.
    """
    served = {operation.name for operation in OPERATIONS.values() if operation.function == function}
    if served != set(names):
        raise ValueError(f"{function} has to serve {', '.join(sorted(served))}")

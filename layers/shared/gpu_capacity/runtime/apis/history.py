"""Builds the Lambda handler of the history of holders, which is part of every API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.apis.shared import shared_function
from gpu_capacity.runtime.apis.vms import vm_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpu_capacity.http.call import Call, Reply
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.services import Services

    Handles = Mapping[str, Callable[[Call[Services]], Reply]]


def history_function(
    function: str, *, of_reservations: Handles, of_claims: Handles, of_vms: Handles
) -> LambdaHandler:
    """A handler of reads, each with the credentials, limits and errors of its API.

    Args:
        function: the name of the function.
        of_reservations: by operation what does the work, of the reservations API and those in its style.
        of_claims: the same of the capacity claims API.
        of_vms: the same of the VM API.

    Raises:
        ValueError: these are not the operations that the table of operations gives to the function.
    """
    return shared_function(
        function,
        {name: reservation_function(name, handle) for name, handle in of_reservations.items()}
        | {name: claim_function(name, handle) for name, handle in of_claims.items()}
        | {name: vm_function(name, Kind.READ, handle) for name, handle in of_vms.items()},
    )

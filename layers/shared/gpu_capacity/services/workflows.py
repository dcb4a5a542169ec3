"""Starting the workflow that settles a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.holders.reservation import execution_name

if TYPE_CHECKING:
    from gpu_capacity.holders.reservation import Reservation
    from gpu_capacity.services.context import Services


def start_workflow(services: Services, reservation: Reservation) -> bool:
    """Start what the record's status calls for; true when a new execution runs.

    The record is its own intent: when the start fails, the record still stands in the index of unsettled
    holders, and reconcile starts what is missing. So the customer's request has succeeded all the same.
    """
    workflow = reservation.workflow
    if workflow is None:
        return False
    name = execution_name(workflow, reservation, reservation.attempt)
    payload: dict[str, object] = {
        "organization": reservation.organization_id,
        "reservation": reservation.id,
    }
    try:
        return services.workflows.start(workflow, name, payload)
    except WorkflowUnavailable:
        services.telemetry.count("WorkflowStartsFailed")
        services.telemetry.warning("workflow not started; reconcile will", execution=name)
        return False

"""Starting the workflow that settles a record, whatever kind of holder it is of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import WorkflowState

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasTelemetry, HasWorkflows
    from gpu_capacity.holders.store import H, Holder, HolderStore

    class Needs(HasTelemetry, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def start_workflow(services: Needs, holder: Holder) -> bool:
    """Start what the record's status calls for; true when a new execution runs.

    The record is its own intent: when the start fails, the record still stands in the index of unsettled
    holders, and reconcile starts what is missing. So the customer's request has succeeded all the same.
    """
    workflow = holder.workflow
    if workflow is None:
        return False
    payload: dict[str, object] = {"organization": holder.organization_id, holder.NOUN: holder.id}
    try:
        return services.workflows.start(workflow, holder.execution, payload)
    except WorkflowUnavailable:
        services.telemetry.count("WorkflowStartsFailed")
        services.telemetry.warning("workflow not started; reconcile will", execution=holder.execution)
        return False


def restart_workflow(services: Needs, store: HolderStore[H], holder: H, **changes: Any) -> bool:
    """Start the execution that should be running, if it is not; true when a new one runs.

    A name is used once. So after an execution that has ended the record takes the next number first, with
    ``changes``; whoever raises it starts the next execution.

    Raises:
        WorkflowUnavailable: the state of the execution is not told.
    """
    workflow = holder.workflow
    if workflow is None:
        return False
    state = services.workflows.state(workflow, holder.execution)
    if state is WorkflowState.RUNNING:
        return False
    if state is WorkflowState.ENDED:
        numbered = replace(holder, attempt=holder.attempt + 1, **changes)  # type: ignore[type-var]
        changed = store.change(holder, numbered)
        if isinstance(changed, Refused):
            return False
        holder = changed
    started = start_workflow(services, holder)
    services.telemetry.audit(
        "schedule:reconcile",
        f"restart_{workflow}",
        holder.id,
        "started" if started else "not started",
        organization=holder.organization_id,
        attempt=holder.attempt,
    )
    return started

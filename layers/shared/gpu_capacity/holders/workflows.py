"""Starts the workflow that settles a record, for every kind of holder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import WorkflowState

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.holder import Holder
    from gpu_capacity.holders.roles import HasTelemetry, HasWorkflows
    from gpu_capacity.holders.store import H, HolderStore

    class Needs(HasTelemetry, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def start_workflow(services: Needs, holder: Holder) -> bool:
    """Start the workflow that the record's status requires. True if a new execution was started.

    If the start fails, the record is still in the index of unsettled holders, and reconcile starts the
    execution later. So the customer's request succeeds nevertheless.
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
    """Start the execution that should be running, unless it is. True if a new one was started.

    An execution name can be used only once. So if the execution has ended, this first writes the next attempt
    number, and ``changes``, to the record. The writer that succeeds starts the next execution.

    Raises:
        WorkflowUnavailable: the state of the execution could not be read.
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

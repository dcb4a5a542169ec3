"""Restarts what a crash left unsettled.

A record is its own intent: while a workflow has something to do for it, it stands in a sparse index. This
looks through the index and starts an execution where none runs. Everything it does is conditional or
idempotent, so it may run twice, or at the same time as a handler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.holders.capacity_claim import execution_name as execution_name_of_claim
from gpu_capacity.holders.reservation import Status, execution_name
from gpu_capacity.holders.vm import execution_name as execution_name_of_vm
from gpu_capacity.ports import WorkflowState
from gpu_capacity.services.capacity_claims import WORKFLOW, start_settling
from gpu_capacity.services.vm_lifecycle import start_vm_workflow
from gpu_capacity.services.workflows import start_workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.holders.capacity_claim import CapacityClaim
    from gpu_capacity.holders.reservation import Reservation
    from gpu_capacity.holders.vm import Vm
    from gpu_capacity.services.context import Services

HOLDERS_PER_RUN_MAX: Final = 2000
"""What one run looks at, of each kind of holder; the oldest come first, the rest waits for the next run."""

_BACKOFF_EXPONENT_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a run found and did."""

    unsettled: int
    restarted: int
    overdue: int


def reconcile(services: Services) -> ReconcileReport:
    """Start what is missing; report what takes too long."""
    now = services.clock.now()
    until = now - services.limits.reconcile_grace_seconds
    found = [
        report
        for look in (_look_at_reservations, _look_at_claims, _look_at_vms)
        for report in look(services, now, until)
    ]
    report = ReconcileReport(len(found), sum(r.restarted for r in found), sum(r.overdue for r in found))
    services.telemetry.count("HoldersUnsettled", report.unsettled)
    services.telemetry.count("HoldersRestarted", report.restarted)
    services.telemetry.count("HoldersOverdue", report.overdue)
    return report


@dataclass(frozen=True, slots=True)
class _Looked:
    """What looking at one unsettled holder came to."""

    restarted: bool
    overdue: bool


def _look_at_reservations(services: Services, now: int, until: int) -> Iterator[_Looked]:
    entries = services.reservations.unsettled(until=until)
    for organization_id, reservation_id in islice(entries, HOLDERS_PER_RUN_MAX):
        reservation = services.reservations.get(organization_id, reservation_id)
        if reservation is None or reservation.workflow is None:
            continue
        restarted = False
        if _is_due(services, reservation, now):
            try:
                restarted = _restart(services, reservation, now)
            except WorkflowUnavailable as error:
                services.telemetry.warning(
                    "execution not examined", reservation=reservation.id, reason=str(error)
                )
        yield _Looked(restarted, _is_overdue(services, reservation, now))


def _look_at_claims(services: Services, now: int, until: int) -> Iterator[_Looked]:
    for organization_id, claim_id in islice(services.claims.unsettled(until=until), HOLDERS_PER_RUN_MAX):
        claim = services.claims.get(organization_id, claim_id)
        if claim is None or claim.unsettled_since is None:
            continue
        late = now - claim.unsettled_since > services.limits.teardown_seconds_max
        yield _Looked(_restart_claim(services, claim), late)


def _look_at_vms(services: Services, now: int, until: int) -> Iterator[_Looked]:
    limits = services.limits
    for key in islice(services.vms.unsettled(until), HOLDERS_PER_RUN_MAX):
        vm = services.vms.get(key)
        if vm is None or vm.unsettled_since is None:
            continue
        due = vm.deadline if vm.deadline is not None else vm.unsettled_since
        late = now > due + limits.teardown_seconds_max + limits.reconcile_grace_seconds
        yield _Looked(_restart_vm(services, vm), late)


def _restart_vm(services: Services, vm: Vm) -> bool:
    """Start the VM's workflow if it does not run; under the next number where an execution has ended."""
    try:
        state = services.workflows.state(vm.workflow or "", execution_name_of_vm(vm))
    except WorkflowUnavailable as error:
        services.telemetry.warning("execution not examined", vm=vm.id, reason=str(error))
        return False
    if state is WorkflowState.RUNNING:
        return False
    if state is WorkflowState.ENDED:
        numbered = replace(vm, attempt=vm.attempt + 1)
        if not services.vms.change([(vm, numbered)]).stands:
            return False
        vm = numbered
    return start_vm_workflow(services, vm)


def _restart(services: Services, reservation: Reservation, now: int) -> bool:
    """Start the execution that should be running, if it is not."""
    workflow = reservation.workflow
    if workflow is None:
        return False
    state = services.workflows.state(workflow, execution_name(workflow, reservation, reservation.attempt))
    if state is WorkflowState.RUNNING:
        return False
    if state is WorkflowState.ENDED:
        # A name is used once; whoever raises the number starts the next execution.
        if not services.reservations.next_attempt(reservation, now):
            return False
        reservation = replace(reservation, attempt=reservation.attempt + 1)
    started = start_workflow(services, reservation)
    services.telemetry.audit(
        "schedule:reconcile",
        f"restart_{workflow}",
        reservation.id,
        "started" if started else "not started",
        organization=reservation.organization_id,
        attempt=reservation.attempt,
    )
    return started


def _restart_claim(services: Services, claim: CapacityClaim) -> bool:
    """Start the claim's workflow if it does not run.

    A name is used once, so after an execution that ended the record takes the next number first.
    """
    try:
        state = services.workflows.state(WORKFLOW, execution_name_of_claim(claim))
    except WorkflowUnavailable as error:
        services.telemetry.warning("execution not examined", claim=claim.id, reason=str(error))
        return False
    if state is WorkflowState.RUNNING:
        return False
    if state is WorkflowState.ENDED:
        numbered = replace(claim, attempt=claim.attempt + 1)
        if not services.claims.change(claim, numbered).stands:
            return False
        claim = numbered
    started = start_settling(services, claim)
    services.telemetry.audit(
        "schedule:reconcile",
        f"restart_{WORKFLOW}",
        claim.id,
        "started" if started else "not started",
        organization=claim.organization_id,
        attempt=claim.attempt,
    )
    return started


def _is_due(services: Services, reservation: Reservation, now: int) -> bool:
    """Whether enough time has passed since the last start; twice as much after each failed execution."""
    since = reservation.unsettled_since or reservation.created_at
    exponent = min(reservation.attempt, _BACKOFF_EXPONENT_MAX)
    return now >= since + services.limits.reconcile_grace_seconds * (1 << exponent)


def _is_overdue(services: Services, reservation: Reservation, now: int) -> bool:
    """Whether the workflow has had more time than it is allowed, and somebody should look."""
    limits = services.limits
    if reservation.status is Status.DEPROVISIONING:
        begun = reservation.deleted_at or reservation.created_at
        return now > begun + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    deadline = reservation.deadline or reservation.created_at + limits.provisioning_seconds_max
    return now > deadline + limits.teardown_seconds_max + limits.reconcile_grace_seconds

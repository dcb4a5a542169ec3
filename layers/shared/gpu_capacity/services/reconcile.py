"""Restarts what a crash left unsettled.

A record is its own intent: while a workflow has something to do for it, it stands in a sparse index. This
looks through the index and starts an execution where none runs. Everything it does is conditional or
idempotent, so it may run twice, or at the same time as a handler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import StorageUnavailable, WorkflowUnavailable
from gpu_capacity.holders.capacity_claim import execution_name as execution_name_of_claim
from gpu_capacity.holders.reservation import Status, execution_name
from gpu_capacity.holders.vm import execution_name as execution_name_of_vm
from gpu_capacity.ports import WorkflowState
from gpu_capacity.services.capacity_claims import WORKFLOW, start_settling
from gpu_capacity.services.claiming import take_over, withdraw
from gpu_capacity.services.provisioning import give_back_failed
from gpu_capacity.services.records import CANNOT_BE_LOOKED_AT, left_out
from gpu_capacity.services.vm_lifecycle import start_vm_workflow
from gpu_capacity.services.workflows import start_workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gpu_capacity.holders.capacity_claim import CapacityClaim
    from gpu_capacity.holders.reservation import Reservation
    from gpu_capacity.holders.vm import Vm
    from gpu_capacity.services.context import Services

    HolderKey: TypeAlias = tuple[str, str]
    _Look: TypeAlias = Callable[[str, str], "_Looked | None"]
    _Kind: TypeAlias = tuple[Iterator[HolderKey], _Look]

HOLDERS_PER_RUN_MAX: Final = 2000
"""What one run looks at, of each kind of holder; the oldest come first, the rest waits for the next run."""

_BACKOFF_EXPONENT_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a run found and did; ``left_out`` are records that could not be looked at."""

    unsettled: int
    restarted: int
    overdue: int
    left_out: int = 0


def reconcile(services: Services) -> ReconcileReport:
    """Start what is missing; report what takes too long.

    Each record is looked at by itself: one that cannot be read does not keep the others waiting.

    Raises:
        StorageUnavailable: the unsettled of some kind could not be listed; all others were looked at.
    """
    now = services.clock.now()
    until = now - services.limits.reconcile_grace_seconds
    kinds: tuple[_Kind, ...] = (
        (services.reservations.unsettled(until), partial(_look_at_reservation, services, now)),
        (services.claims.unsettled(until), partial(_look_at_claim, services, now)),
        (services.vms.unsettled(until), partial(_look_at_vm, services, now)),
    )
    found: list[_Looked] = []
    failure: StorageUnavailable | None = None
    for holders, look in kinds:
        listed, unlisted = _listed(services, holders)
        failure = unlisted or failure
        found += _each(services, listed, look)
    report = ReconcileReport(
        len(found),
        sum(r.restarted for r in found),
        sum(r.overdue for r in found),
        sum(r.left_out for r in found),
    )
    services.telemetry.count("HoldersUnsettled", report.unsettled)
    services.telemetry.count("HoldersRestarted", report.restarted)
    services.telemetry.count("HoldersOverdue", report.overdue)
    if failure is not None:
        raise failure
    return report


@dataclass(frozen=True, slots=True)
class _Looked:
    """What looking at one unsettled holder came to."""

    restarted: bool = False
    overdue: bool = False
    left_out: bool = False


def _listed(
    services: Services, holders: Iterator[HolderKey]
) -> tuple[list[HolderKey], StorageUnavailable | None]:
    """Holders of a kind within the bounds of a run, and what kept the list from being whole."""
    found: list[HolderKey] = []
    try:
        found.extend(islice(holders, HOLDERS_PER_RUN_MAX))
    except StorageUnavailable as error:
        services.telemetry.warning("unsettled holders not listed", reason=str(error))
        return found, error
    return found, None


def _each(services: Services, holders: Iterable[HolderKey], look: _Look) -> list[_Looked]:
    found: list[_Looked] = []
    for organization_id, holder_id in holders:
        try:
            looked = look(organization_id, holder_id)
        except CANNOT_BE_LOOKED_AT as error:
            left_out(services.telemetry, error, holder_id)
            looked = _Looked(left_out=True)
        if looked is not None:
            found.append(looked)
    return found


def _look_at_reservation(
    services: Services, now: int, organization_id: str, reservation_id: str
) -> _Looked | None:
    reservation = services.reservations.find(organization_id, reservation_id)
    if reservation is None or isinstance(reservation, Tombstone):
        return None
    if reservation.status is Status.CLAIMING:
        return _look_at_claiming(services, now, reservation)
    if reservation.status is Status.ERROR and reservation.named is not None:
        return _Looked(restarted=give_back_failed(services, (organization_id, reservation_id)))
    if reservation.workflow is None:
        return None
    overdue = _is_overdue(services, reservation, now)
    restarted = _is_due(services, reservation, now) and _examined(
        services, reservation.id, lambda: _restart(services, reservation, now)
    )
    return _Looked(restarted, overdue)


def _look_at_claiming(services: Services, now: int, reservation: Reservation) -> _Looked:
    """Remove the record of a claimant that died. A retry of the request begins anew."""
    if reservation.claiming_until is not None and now <= reservation.claiming_until:
        return _Looked()
    taken = take_over(services, reservation)
    if taken is None or not withdraw(services, taken):
        return _Looked()
    services.telemetry.audit(
        "schedule:reconcile",
        "remove_claiming",
        reservation.id,
        "gone",
        organization=reservation.organization_id,
    )
    return _Looked(restarted=True)


def _look_at_claim(services: Services, now: int, organization_id: str, claim_id: str) -> _Looked | None:
    claim = services.claims.get(organization_id, claim_id)
    if claim is None or claim.unsettled_since is None:
        return None
    late = now - claim.unsettled_since > services.limits.teardown_seconds_max
    return _Looked(_examined(services, claim.id, lambda: _restart_claim(services, claim)), late)


def _look_at_vm(services: Services, now: int, organization_id: str, vm_id: str) -> _Looked | None:
    vm = services.vms.get(organization_id, vm_id)
    if vm is None or vm.unsettled_since is None:
        return None
    due = vm.deadline if vm.deadline is not None else vm.unsettled_since
    limits = services.limits
    late = now > due + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    return _Looked(_examined(services, vm.id, lambda: _restart_vm(services, vm)), late)


def _examined(services: Services, holder_id: str, restart: Callable[[], bool]) -> bool:
    """Whether an execution was started; one whose state is not told is looked at in the next run."""
    try:
        return restart()
    except WorkflowUnavailable as error:
        services.telemetry.warning("execution not examined", holder=holder_id, reason=str(error))
        return False


def _restart_vm(services: Services, vm: Vm) -> bool:
    """Start the VM's workflow if it does not run; under the next number where an execution has ended."""
    state = services.workflows.state(vm.workflow or "", execution_name_of_vm(vm))
    if state is WorkflowState.RUNNING:
        return False
    if state is WorkflowState.ENDED:
        numbered = replace(vm, attempt=vm.attempt + 1)
        if isinstance(services.vms.update([(vm, numbered)]), Refused):
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
        numbered = replace(reservation, attempt=reservation.attempt + 1, unsettled_since=now)
        changed = services.reservations.change(reservation, numbered)
        if isinstance(changed, Refused):
            return False
        reservation = changed
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
    state = services.workflows.state(WORKFLOW, execution_name_of_claim(claim))
    if state is WorkflowState.RUNNING:
        return False
    if state is WorkflowState.ENDED:
        numbered = replace(claim, attempt=claim.attempt + 1)
        changed = services.claims.update(claim, numbered)
        if isinstance(changed, Refused):
            return False
        claim = changed
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

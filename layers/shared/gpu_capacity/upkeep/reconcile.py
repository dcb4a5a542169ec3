"""Restarts what a crash left unsettled.

A record is its own intent: while a workflow has something to do for it, it stands in a sparse index. This
looks through the index and starts an execution where none runs. Everything it does is conditional or
idempotent, so it may run twice, or at the same time as a handler.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import StorageUnavailable, WorkflowUnavailable
from gpu_capacity.holders.records import SKIPPED_ERRORS, report_skipped
from gpu_capacity.holders.workflows import restart_workflow
from gpu_capacity.reservations.claiming import take_over, withdraw
from gpu_capacity.reservations.provisioning import give_back_failed
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol

    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.roles import HasWorkflows
    from gpu_capacity.holders.store import H, HolderKey, HolderStore
    from gpu_capacity.reservations.provisioning import Needs as ProvisioningNeeds
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.vms.roles import HasVms

    _Look: TypeAlias = Callable[[str, str], "_Looked | None"]
    _Kind: TypeAlias = tuple[Iterator[HolderKey], _Look]

    class Needs(ProvisioningNeeds, HasClaims, HasVms, HasWorkflows, Protocol):
        """What the functions of this module work with."""


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


def reconcile(services: Needs) -> ReconcileReport:
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
    services: Needs, holders: Iterator[HolderKey]
) -> tuple[list[HolderKey], StorageUnavailable | None]:
    """Holders of a kind within the bounds of a run, and what kept the list from being whole."""
    found: list[HolderKey] = []
    try:
        found.extend(islice(holders, HOLDERS_PER_RUN_MAX))
    except StorageUnavailable as error:
        services.telemetry.warning("unsettled holders not listed", reason=str(error))
        return found, error
    return found, None


def _each(services: Needs, holders: Iterable[HolderKey], look: _Look) -> list[_Looked]:
    found: list[_Looked] = []
    for organization_id, holder_id in holders:
        try:
            looked = look(organization_id, holder_id)
        except SKIPPED_ERRORS as error:
            report_skipped(services.telemetry, error, holder_id)
            looked = _Looked(left_out=True)
        if looked is not None:
            found.append(looked)
    return found


def _look_at_reservation(
    services: Needs, now: int, organization_id: str, reservation_id: str
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
    restarted = _is_due(services, reservation, now) and _restarted(
        services, services.reservations, reservation, unsettled_since=now
    )
    return _Looked(restarted, overdue)


def _look_at_claiming(services: Needs, now: int, reservation: Reservation) -> _Looked:
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


def _look_at_claim(services: Needs, now: int, organization_id: str, claim_id: str) -> _Looked | None:
    claim = services.claims.get(organization_id, claim_id)
    if claim is None or claim.unsettled_since is None:
        return None
    late = now - claim.unsettled_since > services.limits.teardown_seconds_max
    return _Looked(_restarted(services, services.claims, claim), late)


def _look_at_vm(services: Needs, now: int, organization_id: str, vm_id: str) -> _Looked | None:
    vm = services.vms.get(organization_id, vm_id)
    if vm is None or vm.unsettled_since is None:
        return None
    due = vm.deadline if vm.deadline is not None else vm.unsettled_since
    limits = services.limits
    late = now > due + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    return _Looked(_restarted(services, services.vms, vm), late)


def _restarted(services: Needs, store: HolderStore[H], holder: H, **changes: int) -> bool:
    """Whether an execution was started; one whose state is not told is looked at in the next run."""
    try:
        return restart_workflow(services, store, holder, **changes)
    except WorkflowUnavailable as error:
        services.telemetry.warning("execution not examined", holder=holder.id, reason=str(error))
        return False


def _is_due(services: Needs, reservation: Reservation, now: int) -> bool:
    """Whether enough time has passed since the last start; twice as much after each failed execution."""
    since = reservation.unsettled_since or reservation.created_at
    exponent = min(reservation.attempt, _BACKOFF_EXPONENT_MAX)
    return now >= since + services.limits.reconcile_grace_seconds * (1 << exponent)


def _is_overdue(services: Needs, reservation: Reservation, now: int) -> bool:
    """Whether the workflow has had more time than it is allowed, and somebody should look."""
    limits = services.limits
    if reservation.status is Status.DEPROVISIONING:
        begun = reservation.deleted_at or reservation.created_at
        return now > begun + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    deadline = reservation.deadline or reservation.created_at + limits.provisioning_seconds_max
    return now > deadline + limits.teardown_seconds_max + limits.reconcile_grace_seconds

"""Restarts the workflows of records that a crash left unsettled.

A record is its own intent: while a workflow has work to do for it, it is in a sparse index. Reconcile reads
the index and starts an execution for each record that has none. All its writes are conditional or idempotent,
so it may run twice at a time, or at the same time as a handler.
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
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.reservations.provisioning import give_back_failed
from gpu_capacity.reservations.record import Status
from gpu_capacity.reservations.releasing import take_over, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol

    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.roles import HasWorkflows
    from gpu_capacity.holders.store import H, HolderKey, HolderStore
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.provisioning import Needs as ProvisioningNeeds
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.vms.roles import HasVms

    _Examine: TypeAlias = Callable[[str, str], "_Examined | None"]
    _Kind: TypeAlias = tuple[Iterator[HolderKey], _Examine]

    class Needs(ProvisioningNeeds, HasClaims, HasPlacements, HasVms, HasWorkflows, Protocol):
        """What the functions of this module work with."""


HOLDERS_PER_RUN_MAX: Final = 2000
"""Holders of each kind that one run examines, the longest unsettled first; the next run examines the rest."""

_BACKOFF_EXPONENT_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a run found and did; ``left_out`` counts records that could not be read."""

    unsettled: int
    restarted: int
    overdue: int
    left_out: int = 0


def reconcile(services: Needs) -> ReconcileReport:
    """Start missing workflow executions, and count the holders that take too long.

    Each record is examined by itself: one that cannot be read does not keep the others waiting.

    Raises:
        StorageUnavailable: not all unsettled holders could be listed; the listed ones were examined.
    """
    now = services.clock.now()
    until = now - services.limits.reconcile_grace_seconds
    kinds: tuple[_Kind, ...] = (
        (services.reservations.unsettled(until), partial(_examine_reservation, services, now)),
        (services.placements.unsettled(until), partial(_examine_placement, services, now)),
        (services.claims.unsettled(until), partial(_examine_claim, services, now)),
        (services.vms.unsettled(until), partial(_examine_vm, services, now)),
    )
    found: list[_Examined] = []
    failure: StorageUnavailable | None = None
    for holders, examine in kinds:
        listed, unlisted = _listed(services, holders)
        failure = unlisted or failure
        found += _each(services, listed, examine)
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
class _Examined:
    """The result for one unsettled holder."""

    restarted: bool = False
    overdue: bool = False
    left_out: bool = False


def _listed(
    services: Needs, holders: Iterator[HolderKey]
) -> tuple[list[HolderKey], StorageUnavailable | None]:
    """Up to ``HOLDERS_PER_RUN_MAX`` holders of a kind, and the error if the list is incomplete."""
    found: list[HolderKey] = []
    try:
        found.extend(islice(holders, HOLDERS_PER_RUN_MAX))
    except StorageUnavailable as error:
        services.telemetry.warning("unsettled holders not listed", reason=str(error))
        return found, error
    return found, None


def _each(services: Needs, holders: Iterable[HolderKey], examine: _Examine) -> list[_Examined]:
    """Examine each holder, and skip those that cannot be read."""
    found: list[_Examined] = []
    for organization_id, holder_id in holders:
        try:
            examined = examine(organization_id, holder_id)
        except SKIPPED_ERRORS as error:
            report_skipped(services.telemetry, error, holder_id)
            examined = _Examined(left_out=True)
        if examined is not None:
            found.append(examined)
    return found


def _examine_reservation(
    services: Needs, now: int, organization_id: str, reservation_id: str
) -> _Examined | None:
    reservation = services.reservations.find(organization_id, reservation_id)
    if reservation is None or isinstance(reservation, Tombstone):
        return None
    if reservation.status is Status.CLAIMING:
        return _examine_claiming(services, now, reservation)
    if reservation.status is Status.ERROR and reservation.named is not None:
        return _Examined(restarted=give_back_failed(services, (organization_id, reservation_id)))
    if reservation.workflow is None:
        return None
    overdue = _is_overdue(services, reservation, now)
    restarted = _is_due(services, reservation, now) and _restarted(
        services, services.reservations, reservation, unsettled_since=now
    )
    return _Examined(restarted, overdue)


def _examine_claiming(services: Needs, now: int, reservation: Reservation) -> _Examined:
    """Remove a claiming record whose invocation died. A retry of the request then begins anew."""
    if reservation.claiming_until is not None and now <= reservation.claiming_until:
        return _Examined()
    taken = take_over(services, reservation)
    if taken is None or not withdraw(services, taken):
        return _Examined()
    services.telemetry.audit(
        "schedule:reconcile",
        "remove_claiming",
        reservation.id,
        "gone",
        organization=reservation.organization_id,
    )
    return _Examined(restarted=True)


def _examine_placement(
    services: Needs, now: int, organization_id: str, placement_id: str
) -> _Examined | None:
    """Start the missing execution. Only a teardown is overdue: an update may take as long as it needs."""
    placement = services.placements.get(organization_id, placement_id)
    if placement is None or placement.unsettled_since is None:
        return None
    limits = services.limits
    late = placement.unsettled_since + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    overdue = placement.status is PlacementStatus.DEPROVISIONING and now > late
    return _Examined(_restarted(services, services.placements, placement), overdue)


def _examine_claim(services: Needs, now: int, organization_id: str, claim_id: str) -> _Examined | None:
    claim = services.claims.get(organization_id, claim_id)
    if claim is None or claim.unsettled_since is None:
        return None
    late = now - claim.unsettled_since > services.limits.teardown_seconds_max
    return _Examined(_restarted(services, services.claims, claim), late)


def _examine_vm(services: Needs, now: int, organization_id: str, vm_id: str) -> _Examined | None:
    vm = services.vms.get(organization_id, vm_id)
    if vm is None or vm.unsettled_since is None:
        return None
    due = vm.deadline if vm.deadline is not None else vm.unsettled_since
    limits = services.limits
    late = now > due + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    return _Examined(_restarted(services, services.vms, vm), late)


def _restarted(services: Needs, store: HolderStore[H], holder: H, **changes: int) -> bool:
    """Whether an execution was started. If its state cannot be read, the next run examines it again."""
    try:
        return restart_workflow(services, store, holder, **changes)
    except WorkflowUnavailable as error:
        services.telemetry.warning("execution not examined", holder=holder.id, reason=str(error))
        return False


def _is_due(services: Needs, reservation: Reservation, now: int) -> bool:
    """Whether the back-off since the last start is over. It doubles with each failed execution."""
    since = reservation.unsettled_since or reservation.created_at
    exponent = min(reservation.attempt, _BACKOFF_EXPONENT_MAX)
    return now >= since + services.limits.reconcile_grace_seconds * (1 << exponent)


def _is_overdue(services: Needs, reservation: Reservation, now: int) -> bool:
    """Whether the workflow takes longer than it is allowed, so that an operator should look."""
    limits = services.limits
    if reservation.status is Status.DEPROVISIONING:
        begun = reservation.deleted_at or reservation.created_at
        return now > begun + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    if reservation.is_releasing and reservation.deadline is not None:
        return now > reservation.deadline + limits.reconcile_grace_seconds
    deadline = reservation.deadline or reservation.created_at + limits.provisioning_seconds_max
    return now > deadline + limits.teardown_seconds_max + limits.reconcile_grace_seconds

"""Takes ownership of a run for a new reservation, in three writes: record, own, settle.

1. **Record**: put the reservation as ``claiming``. The record names the run that it is going to own, and the
   tag of the booking to come. With a quota, the same transaction counts it. The run was planned before, so a
   refusal for lack of capacity writes nothing.
2. **Own**: one conditional write of the pod's ownership item makes the booking. A refused write can never
   land later. Then another run is planned, named in the record, and owned. The quota of an uncounted record
   is read in the background of the first of these writes.
3. **Settle**: the record becomes ``pending``, and lists what it owns.

A process that dies in between leaves a record that names what it may own. After ``claiming_until`` a retry of
the same request continues with that record, or reconcile removes it. Either takes the record over first, and
then fences the run that it names: see ``inventory.bookings``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import CapacityError, QuotaExceeded, RaceLost, StorageUnavailable
from gpu_capacity.holders.quota_store import count
from gpu_capacity.holders.quotas import check
from gpu_capacity.holders.repeat_store import REPEAT, decode_recent
from gpu_capacity.holders.store import RECORD
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.reservations.planning import plan_in_pod, plan_run
from gpu_capacity.reservations.record import Reservation, Run, Status
from gpu_capacity.reservations.releasing import claiming_until, give_back, take_over, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.roles import HasBackground, HasDeadline, HasEvents, HasPause, HasQuotas
    from gpu_capacity.inventory.model import Pod
    from gpu_capacity.reservations.planning import Needs as PlanningNeeds
    from gpu_capacity.reservations.planning import Plan
    from gpu_capacity.reservations.roles import HasRuns

    class Needs(PlanningNeeds, HasBackground, HasDeadline, HasEvents, HasPause, HasQuotas, HasRuns, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Attempts to own a run before a request is answered "try again". Each lost race means that a rival won, and
widens the choice over the runs of the region. Sixteen losses in a row need more rivals at one moment than the
API's throttle admits."""

LOSSES_BEFORE_PAUSE_MAX: Final = 6
"""Lost races after which the next attempt follows without a pause. Requests rarely lose more, except where
rivals want more than is left; then fast attempts do not help either."""

CHOICES_A_READ: Final = 2
"""After a lost race, one of this many choices is made among all pods, which takes a read beside the write
before it; the others are made in the pod that the refused write returned. Measured with 100 claimants on 20
pods: rivals that stay in one pod keep meeting each other, and a read that is waited for makes the slowest
requests slower still."""

UNDER_WAY: Final = "another try of the same request is under way"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A reservation that owns its run, and the pod that the run is in."""

    reservation: Reservation
    pod: Pod


def claim_run(
    services: Needs,
    draft: Reservation,
    earlier: Reservation | Tombstone | None,
    beside: Sequence[Action] = (),
) -> Claimed | Reservation | Tombstone:
    """Record a new reservation and take ownership of a run for it.

    Args:
        services: collaborators.
        draft: the reservation, without a run.
        earlier: what is under its id and may be replaced: an unfinished tombstone, or a claiming record whose
            process has died.
        beside: further writes of the transaction that puts the record.

    Returns:
        The reservation; or the record or tombstone that has its id instead.

    Raises:
        QuotaExceeded: the organization would exceed its limit.
        InsufficientCapacity: no run is long enough.
        RaceLost, StorageUnavailable: nothing is wrong with the request; a retry may succeed.
    """
    if isinstance(earlier, Reservation):
        return _continue(services, earlier)
    # After a lost race in this flavor, begin as an attempt after a lost race does: with a fresh read and a
    # wider choice. Otherwise the next race would be lost as well.
    crowded = services.inventory.is_contended(draft.region_id, draft.flavor_id)
    plan = plan_run(services, draft, int(crowded), fresh=crowded)
    begun = _begin(services, replace(draft, status=Status.CLAIMING, named=plan.run), earlier, beside)
    if isinstance(begun, Tombstone) or begun.named != plan.run:
        return begun
    return _own_and_settle(services, begun, plan)


def _continue(services: Needs, dead: Reservation) -> Claimed | Reservation | Tombstone:
    """Take over the record of a process that died, and own a run for it."""
    record = take_over(services, dead)
    if record is None:
        raise RaceLost(UNDER_WAY)
    try:
        plan = plan_run(services, record, 0, fresh=True)
    except CapacityError:
        _withdraw_quietly(services, record)
        raise
    return _own_and_settle(services, _named(services, record, plan.run), plan)


def _begin(
    services: Needs, draft: Reservation, over: Tombstone | None, beside: Sequence[Action]
) -> Reservation | Tombstone:
    """Put the claiming record, and count it if there is a quota.

    Uses the cached quota first. That is safe: a write that counts demands the limit as cached, and after a
    write that does not count the quota is read (``_counted``). A refusal always follows a fresh read.

    Args:
        services: collaborators.
        draft: what to record.
        over: as in ``HolderStore.create``.
        beside: further writes of the transaction.

    Returns:
        The record as written; or the record or tombstone that has its id instead.

    Raises:
        QuotaExceeded: the organization would exceed its limit.
        RaceLost: rivals changed the quota ``ATTEMPTS_MAX`` times in a row.
    """
    subject = (draft.organization_id, draft.accelerator)
    quota = services.quotas.cached(*subject)
    draft = replace(draft, revision=1, claiming_until=claiming_until(services))
    for _ in range(ATTEMPTS_MAX):
        if quota is not None and not quota.allows(draft.count):
            quota = services.quotas.read(*subject)
            check_quota(services, draft, quota)
        draft = replace(draft, counted=quota is not None)
        counted = [count(services.reservations.table, quota, draft.count)] if quota else []
        refused = services.reservations.create(draft, draft.created_at, *beside, *counted, over=over)
        if refused is None:
            return draft
        if (found := refused.items.get(RECORD)) is not None:
            return services.reservations.read(found)
        if (other := refused.items.get(REPEAT)) is not None:
            # An equal request without a key was faster.
            made = services.reservations.find(draft.organization_id, decode_recent(other))
            if made is None:
                raise RaceLost(UNDER_WAY)
            return made
        quota = services.quotas.read(*subject)
    raise RaceLost("the quota changed with every attempt")


def _own_and_settle(services: Needs, record: Reservation, plan: Plan) -> Claimed | Reservation | Tombstone:
    """Own the planned run, or another one after a lost race, and settle the record.

    Raises:
        QuotaExceeded: the quota of a record that was not counted yet has no room.
        InsufficientCapacity: no run is long enough any more.
        RaceLost: rivals won ``ATTEMPTS_MAX`` times in a row.
    """
    read_quota = None if record.counted else services.background(partial(_quota_now, services, record))
    for attempt in range(ATTEMPTS_MAX):
        place = (record.region_id, record.flavor_id, plan.placement.pod_id)
        booking = Booking(plan.tag, plan.placement.start, plan.placement.count, services.clock.now())
        read_pods = _reading_ahead(services, record, attempt)
        refused = services.runs.own(place, booking, plan.basis)
        if read_quota is not None:
            record, read_quota = _counted(services, record, read_quota), None
        if refused is None:
            settled = _settle(services, record, plan)
            # After the settle, which a slow read must not delay; before the note, which it would replace.
            read_pods()
            if isinstance(settled, Claimed):
                services.inventory.note_booking(place, booking, plan.basis.version)
            return settled
        services.telemetry.count("ClaimRacesLost")
        known = read_pods()
        _cache_refusal(services, record, refused)
        try:
            plan = _plan_again(services, record, plan, attempt, known=known)
        except CapacityError:
            _withdraw_quietly(services, record)
            raise
        record = _named(services, record, plan.run)
    _withdraw_quietly(services, record)
    raise RaceLost("other requests won every attempt")


def _reading_ahead(services: Needs, record: Reservation, losses: int) -> Callable[[], bool]:
    """Read all pods in the background of a write if the choice after it is to be made among them.

    Args:
        services: collaborators.
        record: what to place.
        losses: how many races were lost before the write.

    Returns:
        Waits for the reading, and returns whether the pods are known from it.
    """
    if losses >= LOSSES_BEFORE_PAUSE_MAX or losses % CHOICES_A_READ < CHOICES_A_READ - 1:
        return lambda: False

    def read() -> bool:
        try:
            services.inventory.fresh_snapshot(record.region_id, record.flavor_id)
        except StorageUnavailable:
            return False
        return True

    return services.background(read)


def _plan_again(services: Needs, record: Reservation, lost: Plan, losses: int, *, known: bool) -> Plan:
    """Another choice after a lost race.

    It is made in the pod that the refused write returned, or among all pods.

    Args:
        services: collaborators.
        record: what to place.
        lost: the plan that lost the race.
        losses: how many races were lost before it.
        known: whether all pods were read in the background of the write that was refused.
    """
    if losses >= LOSSES_BEFORE_PAUSE_MAX:
        services.pause(losses - LOSSES_BEFORE_PAUSE_MAX)
    elif not known:
        plan = plan_in_pod(services, record, lost.placement.pod_id, lost.attempt + 1)
        if plan is not None:
            return plan
    return plan_run(services, record, lost.attempt + 1, fresh=not known)


def _quota_now(services: Needs, record: Reservation) -> Quota | None:
    return services.quotas.read(record.organization_id, record.accelerator)


def _counted(services: Needs, record: Reservation, read_quota: Callable[[], Quota | None]) -> Reservation:
    """Count a record that is not counted, if there is a quota by now: see ``holders.quotas``.

    On any error the record is withdrawn, and what it owns is released.

    Args:
        services: collaborators.
        record: not counted.
        read_quota: returns the quota as read after the record was written.

    Raises:
        QuotaExceeded: the organization would exceed its limit.
        RaceLost: rivals changed the record or the quota.
        StorageUnavailable: the quota cannot be read, or the outcome of a write is unknown.
    """
    try:
        quota = read_quota()
        for _ in range(ATTEMPTS_MAX):
            if quota is None:
                return record
            counted = count(services.reservations.table, quota, record.count)
            outcome = services.reservations.change(record, replace(record, counted=True), counted)
            if not isinstance(outcome, Refused):
                return outcome
            if RECORD in outcome.items:
                if found := _found_counted_in(services, record, outcome):
                    return found
                raise RaceLost(UNDER_WAY)
            quota = _quota_now(services, record)
            check_quota(services, record, quota)
        raise RaceLost("the quota changed with every attempt")
    except CapacityError:
        _withdraw_quietly(services, record)
        services.events.freed(record.region_id)
        raise


def _settle(services: Needs, record: Reservation, plan: Plan) -> Claimed | Reservation | Tombstone:
    """Make the record ``pending``, listing what it owns.

    If the write is refused because an earlier try whose answer got lost has settled the record, that is
    success as well. After any other refusal the run is released.

    Returns:
        The reservation; or the record or tombstone that has its id instead.

    Raises:
        RaceLost: the record was removed.
    """
    settled = replace(plan.applied_to(record), status=Status.PENDING, named=None, claiming_until=None)
    outcome = _change(services, record, settled)
    if not isinstance(outcome, Refused):
        return Claimed(outcome, plan.pod)
    item = outcome.items[RECORD]
    found = services.reservations.read(item) if item is not None else None
    if isinstance(found, Reservation) and plan.run in found.runs:
        return Claimed(found, plan.pod)
    place = (record.region_id, record.flavor_id, plan.placement.pod_id)
    services.runs.release(place, plan.tag, (), b"")
    services.events.freed(record.region_id)
    if found is None:
        raise RaceLost(UNDER_WAY)
    return found


def _named(services: Needs, record: Reservation, run: Run) -> Reservation:
    """Write the record with another run to own. The run that it named before can never be owned by it.

    Raises:
        RaceLost: another process took the record over.
    """
    named = _change(services, record, replace(record, named=run))
    if isinstance(named, Refused):
        raise RaceLost(UNDER_WAY)
    return named


def _change(services: Needs, record: Reservation, after: Reservation) -> Reservation | Refused:
    """Write a changed record, also if an operator's command has counted it meanwhile."""
    outcome = services.reservations.change(record, after)
    if isinstance(outcome, Refused) and (found := _found_counted_in(services, record, outcome)):
        return services.reservations.change(found, replace(after, counted=True))
    return outcome


def _found_counted_in(services: Needs, record: Reservation, refused: Refused) -> Reservation | None:
    """The record as a refused write found it, if the only change is that it was counted; else None.

    A process that takes a record over also changes its ``claiming_until``, so None is the result then.
    """
    item = refused.items.get(RECORD)
    found = services.reservations.read(item) if item is not None else None
    if isinstance(found, Reservation) and found == replace(record, counted=True, revision=found.revision):
        return found
    return None


def _cache_refusal(services: Needs, record: Reservation, refused: Refused) -> None:
    """Put the ownership item that a refusal returned into the cached snapshot."""
    services.inventory.note_lost_race(record.region_id, record.flavor_id)
    [item] = refused.items.values()
    if item is None:
        services.inventory.forget_snapshot(record.region_id, record.flavor_id)
    else:
        services.inventory.note_owners(record.region_id, record.flavor_id, item)


def _withdraw_quietly(services: Needs, record: Reservation) -> None:
    """Release what a record may own, and remove it. If that fails it is logged, and reconcile does it."""
    try:
        give_back(services, record)
        withdraw(services, record)
    except StorageUnavailable as error:
        services.telemetry.warning("claim not withdrawn; reconcile will", holder=record.id, reason=str(error))


def check_quota(services: Needs, draft: Reservation, quota: Quota | None) -> None:
    """Refuse a reservation for which the organization's limit has no room.

    Raises:
        QuotaExceeded: there is no room, whatever happens to reservations that are claiming.
        RaceLost: there may be room as soon as claiming reservations of the organization have given up.
    """
    try:
        check(quota, draft.count)
    except QuotaExceeded:
        # Sum over the records, as ``used`` may include claiming reservations that have been withdrawn by now.
        owned = sum(
            r.units_used
            for r in services.reservations.every(draft.organization_id)
            if r.status is not Status.CLAIMING and r.counted and r.accelerator == draft.accelerator
        )
        if quota is None or not replace(quota, used=owned).allows(draft.count):
            raise
        raise RaceLost("what is left of the quota is being claimed") from None

"""Owning a run for a reservation: record first, then own, then settle.

1. **Record**: the reservation as ``claiming``, with the run and the tag that it is about to own by. With a
   quota it is counted in the same transaction. The plan comes first, so a refusal for lack of capacity writes
   nothing.
2. **Own**: one conditional write of the pod. Refused, it can never land any more: another run is named in the
   record, and that is owned. Beside the first of these writes the quota of an uncounted record is read.
3. **Settle**: the record becomes ``pending``, with what it owns.

Whatever dies in between leaves a record that names what it may own. When ``claiming_until`` has passed, a
retry of the same request goes on in it, or reconcile removes it; either takes the record over first, and then
fences the run that it names: see ``inventory.bookings``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import CapacityError, QuotaExceeded, RaceLost, StorageUnavailable
from gpu_capacity.holders.advance import demand_change
from gpu_capacity.holders.quota_store import count, uncount
from gpu_capacity.holders.quotas import check
from gpu_capacity.holders.repeat_store import REPEAT, decode_recent
from gpu_capacity.holders.store import RECORD
from gpu_capacity.inventory.bookings import Booking, new_tag
from gpu_capacity.reservations.planning import plan_in_pod, plan_run
from gpu_capacity.reservations.record import Reservation, Run, Status

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
    from gpu_capacity.reservations.runs import Place

    class Needs(PlanningNeeds, HasBackground, HasDeadline, HasEvents, HasPause, HasQuotas, HasRuns, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Lost races before giving up. Each loss means that a rival won, and widens the choice over all runs of the
region; sixteen losses in a row need more rivals at that instant than the API's throttle lets in."""

LOSSES_BEFORE_PAUSE_MAX: Final = 6
"""Lost races after which the next choice is made at once: hardly anybody loses more, save where a crowd wants
more than is left, and to such a crowd haste is of no use."""

CHOICES_A_READ: Final = 3
"""One of so many choices after a lost race is made among all pods, which takes a read; the others are made in
the pod that a refused write has just shown. Measured with 100 claimants on 20 pods: with 2 the slowest claims
take longer, because of the reads; with 4, because a crowd that stays in one pod follows itself."""

CLAIMING_SECONDS_MAX: Final = 60
"""How long a claim may take where nothing bounds the work, as in a command."""

CLOCK_SKEW_SECONDS: Final = 2
"""What the clocks of two functions may differ by."""

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
    """Own a run for a reservation that is about to be made.

    Args:
        services: collaborators.
        draft: the reservation, without a run.
        earlier: what stands under the id and may be replaced: a tombstone that was not finished, or a record
            whose claimant has died.
        beside: what is written with the record.

    Returns:
        The reservation; or what stands under its id instead.

    Raises:
        QuotaExceeded, InsufficientCapacity: nothing of it is left.
        RaceLost, StorageUnavailable: send the request again.
    """
    if isinstance(earlier, Reservation):
        return _go_on(services, earlier)
    # Among rivals the next race would be lost as well: what the loser does, its next request begins with.
    crowded = services.inventory.is_contended(draft.region_id, draft.flavor_id)
    plan = plan_run(services, draft, int(crowded), fresh=crowded)
    run = Run(plan.placement, plan.tag)
    begun = _begin(services, replace(draft, status=Status.CLAIMING, named=run), earlier, beside)
    if isinstance(begun, Tombstone) or begun.named != run:
        return begun
    return _own_and_settle(services, begun, plan)


def claiming_until(services: Needs) -> int:
    """When whoever claims now has ended, one way or another: by the deadline of its own invocation."""
    seconds = min(services.deadline.remaining_seconds(), CLAIMING_SECONDS_MAX)
    return services.clock.now() + math.ceil(seconds) + CLOCK_SKEW_SECONDS


def take_over(services: Needs, dead: Reservation) -> Reservation | None:
    """Make a record one's own whose claimant has had its time, and fence the run that it names.

    After this nothing is owned under the record and nothing can come to be; ``None`` when others were faster.
    """
    # Unsettled anew: who looks up who is claiming looks for those of the last minutes.
    after = replace(dead, claiming_until=claiming_until(services), unsettled_since=services.clock.now())
    taken = services.reservations.change(dead, after)
    if isinstance(taken, Refused):
        return None
    if taken.named is not None:
        place = _place(taken, taken.named)
        services.runs.fence(place, taken.named, new_tag(services.ids.random_bytes()))
        services.events.freed(taken.region_id)
    return taken


def withdraw(services: Needs, claiming: Reservation) -> bool:
    """Remove a record that names nothing that it could own; false when others were faster.

    Raises:
        StorageUnavailable: not decided; or the quota counts less than the record.
    """
    back = refund(services, claiming)
    refused = services.reservations.remove(claiming, services.clock.now(), *back, finished=False)
    if refused is None:
        return True
    demand_change(services.reservations.find(claiming.organization_id, claiming.id), claiming, refused)
    return False


def give_back(services: Needs, reservation: Reservation) -> None:
    """Give back every run that a record says it owns or may own. Harmless if repeated or late.

    Raises:
        StorageUnavailable: not decided.
    """
    runs = [reservation.named] if reservation.named else []
    if reservation.placement is not None:
        runs.append(Run(reservation.placement, reservation.owner))
    for run in runs:
        stamp = new_tag(services.ids.random_bytes())
        services.runs.release(_place(reservation, run), run.tag, run.placement.positions, stamp)


def refund(services: Needs, reservation: Reservation) -> list[Action]:
    """The write that takes a reservation out of its organization's count, if it is in."""
    if not reservation.counted:
        return []
    table = services.reservations.table
    return [uncount(table, reservation.organization_id, reservation.accelerator, reservation.count)]


def _go_on(services: Needs, dead: Reservation) -> Claimed | Reservation | Tombstone:
    """Adopt the record of a claimant that died."""
    record = take_over(services, dead)
    if record is None:
        raise RaceLost(UNDER_WAY)
    try:
        plan = plan_run(services, record, 0, fresh=True)
    except CapacityError:
        _withdraw_quietly(services, record)
        raise
    return _own_and_settle(services, _named(services, record, Run(plan.placement, plan.tag)), plan)


def _begin(
    services: Needs, draft: Reservation, over: Tombstone | None, beside: Sequence[Action]
) -> Reservation | Tombstone:
    """Record who is claiming, counted where there is a quota.

    It goes by the quota that was seen last: a write that counts demands the limit as it was seen, and after
    one that does not the quota is read. Nothing is refused on what was seen.

    Returns:
        The record; or what stands under its id instead.
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
            # An equal request was faster.
            made = services.reservations.find(draft.organization_id, decode_recent(other))
            if made is None:
                raise RaceLost(UNDER_WAY)
            return made
        quota = services.quotas.read(*subject)
    raise RaceLost("the quota changed with every attempt")


def _own_and_settle(services: Needs, record: Reservation, plan: Plan) -> Claimed | Reservation | Tombstone:
    look = None if record.counted else services.background(partial(_quota_now, services, record))
    for attempt in range(ATTEMPTS_MAX):
        place = (record.region_id, record.flavor_id, plan.placement.pod_id)
        booking = Booking(plan.tag, plan.placement.start, plan.placement.count, services.clock.now())
        refused = services.runs.own(place, booking, plan.basis)
        if look is not None:
            record, look = _counted(services, record, look), None
        if refused is None:
            services.inventory.note_booking(place, booking, plan.basis.version)
            return _settle(services, record, plan)
        services.telemetry.count("ClaimRacesLost")
        _learn(services, record, refused)
        try:
            plan = _plan_again(services, record, plan, attempt)
        except CapacityError:
            _withdraw_quietly(services, record)
            raise
        record = _named(services, record, Run(plan.placement, plan.tag))
    _withdraw_quietly(services, record)
    raise RaceLost("other requests won every attempt")


def _plan_again(services: Needs, record: Reservation, lost: Plan, losses: int) -> Plan:
    """Another choice after a lost race.

    In the pod that the refused write has just shown, which costs no read and no time, or in all of them.
    """
    if losses >= LOSSES_BEFORE_PAUSE_MAX:
        services.pause(losses - LOSSES_BEFORE_PAUSE_MAX)
    elif losses % CHOICES_A_READ < CHOICES_A_READ - 1:
        plan = plan_in_pod(services, record, lost.placement.pod_id, lost.attempt + 1)
        if plan is not None:
            return plan
    return plan_run(services, record, lost.attempt + 1, fresh=True)


def _quota_now(services: Needs, record: Reservation) -> Quota | None:
    return services.quotas.read(record.organization_id, record.accelerator)


def _counted(services: Needs, record: Reservation, look: Callable[[], Quota | None]) -> Reservation:
    """A record that was not counted, counted if there is a quota by now: see ``holders.quotas``.

    Raises:
        QuotaExceeded, RaceLost, StorageUnavailable: it may not go on; what it owns is given back.
    """
    try:
        quota = look()
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
    """The record as ``pending`` with what it owns.

    A refusal is looked at: if the record has this run, it was settled by a try whose answer got lost.
    """
    settled = replace(plan.applied_to(record), status=Status.PENDING, named=None, claiming_until=None)
    outcome = _change(services, record, settled)
    if not isinstance(outcome, Refused):
        return Claimed(outcome, plan.pod)
    item = outcome.items[RECORD]
    found = services.reservations.read(item) if item is not None else None
    if isinstance(found, Reservation) and found.tag == plan.tag:
        return Claimed(found, plan.pod)
    place = (record.region_id, record.flavor_id, plan.placement.pod_id)
    services.runs.release(place, plan.tag, (), b"")
    services.events.freed(record.region_id)
    if found is None:
        raise RaceLost(UNDER_WAY)
    return found


def _named(services: Needs, record: Reservation, run: Run) -> Reservation:
    """The record with the run that it is about to own; what it named before is certain not to be."""
    named = _change(services, record, replace(record, named=run))
    if isinstance(named, Refused):
        raise RaceLost(UNDER_WAY)
    return named


def _change(services: Needs, record: Reservation, after: Reservation) -> Reservation | Refused:
    """Write what a record has become, also where an operator has counted it in meanwhile."""
    outcome = services.reservations.change(record, after)
    if isinstance(outcome, Refused) and (found := _found_counted_in(services, record, outcome)):
        return services.reservations.change(found, replace(after, counted=True))
    return outcome


def _found_counted_in(services: Needs, record: Reservation, refused: Refused) -> Reservation | None:
    """The record as a refused write met it, if an operator counted it in and nobody did anything else.

    Whoever takes a record over gives it another time to claim until.
    """
    item = refused.items.get(RECORD)
    found = services.reservations.read(item) if item is not None else None
    if isinstance(found, Reservation) and found == replace(record, counted=True, revision=found.revision):
        return found
    return None


def _learn(services: Needs, record: Reservation, refused: Refused) -> None:
    """See what the database showed with a refusal."""
    services.inventory.note_lost_race(record.region_id, record.flavor_id)
    [item] = refused.items.values()
    if item is None:
        services.inventory.forget_snapshot(record.region_id, record.flavor_id)
    else:
        services.inventory.note_owners(record.region_id, record.flavor_id, item)


def _withdraw_quietly(services: Needs, record: Reservation) -> None:
    """Give back what a record may own, and remove it; what stays of it, reconcile removes."""
    try:
        give_back(services, record)
        withdraw(services, record)
    except StorageUnavailable as error:
        services.telemetry.warning("claim not withdrawn; reconcile will", holder=record.id, reason=str(error))


def check_quota(services: Needs, draft: Reservation, quota: Quota | None) -> None:
    """Refuse what the organization's limit leaves no room for.

    Raises:
        QuotaExceeded: it leaves none.
        RaceLost: it would, as soon as others of the organization who are claiming have given up.
    """
    try:
        check(quota, draft.count)
    except QuotaExceeded:
        # By the records and not by the count: of that, who was claiming may have left by now.
        owned = sum(
            r.count
            for r in services.reservations.every(draft.organization_id)
            if r.status is not Status.CLAIMING and r.counted and r.accelerator == draft.accelerator
        )
        if quota is None or not replace(quota, used=owned).allows(draft.count):
            raise
        raise RaceLost("what is left of the quota is being claimed") from None


def _place(reservation: Reservation, run: Run) -> Place:
    return reservation.region_id, reservation.flavor_id, run.placement.pod_id

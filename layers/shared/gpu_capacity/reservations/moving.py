"""Moves a reservation whose hosts cannot be held to another run, while it is provisioned.

1. **Name**: the record names the run to come, and the tag of its booking.
2. **Own**: one conditional write of the pod's item makes the booking. A refused write can never land later.
   Then another run is planned, named and owned.
3. **Settle**: the record lists the new run, and the one before is *leaving*. Its hosts are held under another
   name of the owner (``Reservation.hold_owner``), so that the fence of the old run does not stop them.
4. **Release**: the provider is fenced for the old run, and releases its hosts.
5. **End** the old booking, when the provider lists none of them.
6. **Clean**: the record does not list the old run any more.

So until it owns the new run it keeps the old one, and a move begins only when the one before is clean. Every
write of the record demands its life and revision. A process that finds a named run is not the one that named
it, or has forgotten it: it raises the revision, fences that run, and only then goes on. A delete marks the
record, and its teardown ends or fences all that the record lists and names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import RaceLost
from gpu_capacity.holders.advance import advance
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.reservations.claiming import ATTEMPTS_MAX
from gpu_capacity.reservations.holds import release_owner
from gpu_capacity.reservations.planning import plan_elsewhere
from gpu_capacity.reservations.record import Status
from gpu_capacity.reservations.releasing import end, fence

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasLimits, HasProvider
    from gpu_capacity.reservations.claiming import Needs as ClaimingNeeds
    from gpu_capacity.reservations.planning import Plan
    from gpu_capacity.reservations.record import Reservation

    class Needs(ClaimingNeeds, HasLimits, HasProvider, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "workflow:provision"

MOVES_MAX: Final = 5
"""Moves of one reservation. With one host in 200 unfit, every second run of 8 racks has one."""


def move(services: Needs, reservation: Reservation, why: str) -> Reservation | None:
    """Name, own and settle another run for a reservation that names none, and that is not leaving one.

    Args:
        services: collaborators.
        reservation: the record as read, in status ``provisioning``.
        why: its hosts cannot be held, for its customer.

    Returns:
        The record as settled; None if others changed it, and then nothing new is owned.

    Raises:
        InsufficientCapacity: no other run is long enough, as of a strongly consistent read.
        RaceLost: rivals won ``ATTEMPTS_MAX`` times in a row, or a run may be free in a moment.
        StorageUnavailable: the outcome is unknown. The record says what it may own.
    """
    record = reservation
    for attempt in range(ATTEMPTS_MAX):
        plan = plan_elsewhere(services, record, attempt)
        # ``unsettled_since`` is renewed because ``ReservationStore.claiming`` looks at the last minutes only.
        now = services.clock.now()
        named = services.reservations.change(record, replace(record, named=plan.run, unsettled_since=now))
        if isinstance(named, Refused):
            return None
        record = named
        place = (record.region_id, record.flavor_id, plan.placement.pod_id)
        booking = Booking(plan.tag, plan.placement.start, plan.placement.count, now)
        if services.runs.own(place, booking, plan.basis) is None:
            return _settle(services, record, plan, why)
        services.telemetry.count("ClaimRacesLost")
        services.pause(attempt)
    raise RaceLost("other requests won every attempt")


def _settle(services: Needs, record: Reservation, plan: Plan, why: str) -> Reservation | None:
    """List the new run, which is owned. After a refusal it is given back, unless it is listed already."""
    after = replace(
        plan.applied_to(record), named=None, leaving=record.runs, moved_for=(*record.moved_for, why)
    )
    settled = services.reservations.change(record, after)
    if not isinstance(settled, Refused):
        services.telemetry.count("ReservationsMoved")
        services.telemetry.audit(
            ACTOR, "move", record.id, "moved", organization=record.organization_id, reason=why
        )
        return settled
    found = services.reservations.get(record.organization_id, record.id)
    if found is not None and plan.run in found.runs:
        return found
    end(services, record, plan.run)
    services.events.freed(record.region_id)
    return None


def forget_named(services: Needs, reservation: Reservation) -> Reservation | None:
    """Take over a record that names a run to move to, whose process has died, and forget that run.

    Returns:
        The record as written, which names no run; None if others changed it.

    Raises:
        StorageUnavailable: the outcome is unknown; repeat it.
    """
    # First the revision, so that the process that named the run cannot list it any more if it still lives.
    taken = services.reservations.change(reservation, reservation)
    if isinstance(taken, Refused) or taken.named is None:
        return None
    fence(services, taken, taken.named)
    services.events.freed(taken.region_id)
    forgotten = services.reservations.change(taken, replace(taken, named=None))
    return None if isinstance(forgotten, Refused) else forgotten


def release_left(services: Needs, reservation: Reservation) -> Reservation | None:
    """Release the run that a settled move has left: its hosts, then its booking; then forget it.

    Returns:
        The record without it; None while the provider has hosts of it, or if others changed the record.

    Raises:
        StorageUnavailable: the outcome is unknown; repeat it.
    """
    if not release_owner(services, reservation.hold_owners[0]):
        return None
    for run in reservation.leaving:
        end(services, reservation, run)
    services.events.freed(reservation.region_id)

    def cleaned(found: Reservation) -> Reservation | None:
        if found.status is not Status.PROVISIONING or found.leaving != reservation.leaving:
            return None
        return replace(found, leaving=())

    key = (reservation.organization_id, reservation.id)
    return advance(services.reservations, key, cleaned, services.pause)

"""Takes over and removes claiming records whose process has died, and releases runs of reservations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.advance import advance, demand_change
from gpu_capacity.holders.quota_store import uncount
from gpu_capacity.holders.steps import Step
from gpu_capacity.inventory.bookings import new_tag
from gpu_capacity.providers.port import HoldState
from gpu_capacity.reservations.observation import domains_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import (
        HasClock,
        HasDeadline,
        HasEvents,
        HasIds,
        HasInventory,
        HasPause,
        HasProvider,
        HasTelemetry,
    )
    from gpu_capacity.reservations.record import Reservation, Run
    from gpu_capacity.reservations.roles import HasReservations, HasRuns
    from gpu_capacity.reservations.runs import Place

    class Needs(HasClock, HasDeadline, HasEvents, HasIds, HasReservations, HasRuns, Protocol):
        """What the functions of this module work with."""

    class ReleaseNeeds(Needs, HasInventory, HasPause, HasProvider, HasTelemetry, Protocol):
        """What freeing units takes."""


CLAIMING_SECONDS_MAX: Final = 60
"""How long claiming may take if there is no deadline, as in a command."""

CLOCK_SKEW_SECONDS: Final = 2
"""How much the clocks of two functions may differ."""


def claiming_until(services: Needs) -> int:
    """When a process that claims now has certainly ended, in epoch seconds: at its invocation's deadline."""
    seconds = min(services.deadline.remaining_seconds(), CLAIMING_SECONDS_MAX)
    return services.clock.now() + math.ceil(seconds) + CLOCK_SKEW_SECONDS


def take_over(services: Needs, dead: Reservation) -> Reservation | None:
    """Take over a claiming record whose process has died, and fence the run that it names.

    After this the record owns nothing, and no late write of the dead process can make it own anything.

    Returns:
        The record as written; None if a rival changed it first.

    Raises:
        StorageUnavailable: it is unknown whether the record was written, or whether the run is fenced.
    """
    # ``unsettled_since`` is renewed because ``ReservationStore.claiming`` looks at the last minutes only.
    after = replace(dead, claiming_until=claiming_until(services), unsettled_since=services.clock.now())
    taken = services.reservations.change(dead, after)
    if isinstance(taken, Refused):
        return None
    if taken.named is not None:
        fence(services, taken, taken.named)
        services.events.freed(taken.region_id)
    return taken


def withdraw(services: Needs, claiming: Reservation) -> bool:
    """Remove a claiming record that owns nothing and cannot own anything any more.

    Returns:
        Whether it was removed; false if a rival changed it first.

    Raises:
        StorageUnavailable: the outcome is unknown, or the quota's count is less than the record's.
    """
    back = refund(services, claiming)
    refused = services.reservations.remove(claiming, services.clock.now(), *back, finished=False)
    if refused is None:
        return True
    demand_change(services.reservations.find(claiming.organization_id, claiming.id), claiming, refused)
    return False


def release_leaving(services: ReleaseNeeds, organization_id: str, reservation_id: str) -> Step:
    """Free the units that the customer of a provisioned reservation has released: hosts first, then bookings.

    The fence makes late requests to hold harmless; a provisioned reservation holds all that it ever will.
    Asks the provider and not the topology, so a hold of a host that was replaced since is found as well.

    Returns:
        ``done``; ``waiting`` while the provider has hosts of them; ``unfinished`` if that took too long; or
        ``superseded``.

    Raises:
        StorageUnavailable: the outcome is unknown, or the topology could not be read.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not reservation.is_releasing:
        return Step.SUPERSEDED
    owner = reservation.hold_owner
    services.provider.fence(owner)
    kept = _hosts_of(services, reservation)
    holds = [hold for hold in services.provider.held(owner) if hold.host_id not in kept]
    if holds:
        releasing = [hold.host_id for hold in holds if hold.state is not HoldState.RELEASING]
        services.provider.release(owner, releasing)
        overdue = reservation.deadline is not None and services.clock.now() >= reservation.deadline
        return Step.UNFINISHED if overdue else Step.WAITING
    freed = reservation.leaving
    for run in freed:
        end(services, reservation, run)
    advance(
        services.reservations,
        (organization_id, reservation_id),
        lambda r: _freed(r, freed),
        services.pause,
    )
    services.events.freed(reservation.region_id)
    services.telemetry.audit(
        "workflow:release",
        "release_leaving",
        reservation.id,
        "released",
        organization=reservation.organization_id,
        units=sum(run.placement.count for run in freed),
    )
    return Step.DONE


def _freed(reservation: Reservation, freed: Collection[Run]) -> Reservation | None:
    """The reservation without leaving runs that are free; None if it does not name them any more."""
    left = tuple(run for run in reservation.leaving if run not in freed)
    if left == reservation.leaving or not reservation.is_releasing:
        return None
    return replace(
        reservation,
        leaving=left,
        unsettled_since=reservation.unsettled_since if left else None,
        deadline=reservation.deadline if left else None,
    )


def _hosts_of(services: ReleaseNeeds, reservation: Reservation) -> frozenset[str]:
    """The hosts of the units that a reservation keeps, as the inventory has them now."""
    if reservation.pod_id is None:
        return frozenset()
    pair = (reservation.region_id, reservation.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    if pod is None:
        raise StorageUnavailable("the topology could not be read", outcome_unknown=False)
    return frozenset(host.id for domain in domains_of(reservation, pod) for host in domain.hosts)


def give_back(services: Needs, reservation: Reservation) -> None:
    """Release every run that a record lists or names. Repeated or late, it does nothing.

    A run that a move may still make its own is fenced.

    Raises:
        StorageUnavailable: the outcome is unknown.
    """
    if reservation.named is not None and reservation.runs:
        fence(services, reservation, reservation.named)
    elif reservation.named is not None:
        end(services, reservation, reservation.named)
    for run in (*reservation.leaving, *reservation.runs):
        end(services, reservation, run)


def fence(services: Needs, reservation: Reservation, run: Run) -> None:
    """End the booking of a run, and make sure that no late write makes it. See ``Runs.fence``."""
    services.runs.fence(place_of(reservation, run), run, new_tag(services.ids.random_bytes()))


def end(services: Needs, reservation: Reservation, run: Run) -> None:
    """End the booking of a run that the reservation has owned. Repeated or late, it does nothing."""
    stamp = new_tag(services.ids.random_bytes())
    services.runs.release(place_of(reservation, run), run.tag, run.placement.positions, stamp)


def refund(services: Needs, reservation: Reservation) -> list[Action]:
    """The write that subtracts a reservation from its organization's quota; none if it is not counted."""
    table = services.reservations.table
    return [
        uncount(table, reservation.organization_id, subject, units)
        for subject, units in reservation.counts.items()
        if units
    ]


def place_of(reservation: Reservation, run: Run) -> Place:
    """The pod of a run of a reservation."""
    return reservation.region_id, reservation.flavor_id, run.placement.pod_id

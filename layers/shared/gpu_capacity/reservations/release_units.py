"""Release units of a reservation: some of them, all or none, while it keeps the others.

    record and topology → check the tag → split the bookings → workflow

The client names the topology hash that it knows as an entity tag. One transaction then writes the record, on
the condition of its revision, and the pod, on the condition of its topology version. So a rival release, a
placement, a delete and a change of hardware each either come before the check or refuse the write.

After it the reservation does not own the units any more, and a workflow lets the provider release their hosts
(``releasing.release_leaving``). Until then their bookings stay, so that nobody else gets them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import (
    NotFound,
    PreconditionFailed,
    RaceLost,
    StateConflict,
    StorageUnavailable,
    UnitsOccupied,
)
from gpu_capacity.holders.advance import ATTEMPTS_MAX, demand_change
from gpu_capacity.holders.quota_store import uncount
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.inventory.bookings import Booking, new_tag
from gpu_capacity.inventory.model import Pod
from gpu_capacity.inventory.units import hardware_digest, identity_of
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.observation import domains_of, hash_of, observe
from gpu_capacity.reservations.record import Run, Status
from gpu_capacity.reservations.releasing import place_of
from gpu_capacity.reservations.runs import POD, split_write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import (
        HasClock,
        HasIds,
        HasInventory,
        HasLimits,
        HasPause,
        HasTelemetry,
        HasWorkflows,
    )
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasPlacementRecords, HasReservations, PlacementRecord

    class Needs(
        HasClock,
        HasIds,
        HasInventory,
        HasLimits,
        HasPause,
        HasPlacementRecords,
        HasReservations,
        HasTelemetry,
        HasWorkflows,
        Protocol,
    ):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class UnitRelease:
    """Which units to release. ``topology_hash`` is the one that the client decided on."""

    topology_hash: str
    unit_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleasedUnit:
    """A unit that was released, with the ids of its hosts in the order of their slots."""

    id: str
    host_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """The reservation after the release, and the released units in position order."""

    observed: Observed
    units: tuple[ReleasedUnit, ...]


def release_units(
    services: Needs,
    caller: Caller,
    reservation_id: str,
    organizations: frozenset[str],
    read_request: Callable[[], UnitRelease],
) -> Released:
    """Release units, and start the workflow that frees their hosts.

    Args:
        services: collaborators.
        caller: who sends the request.
        reservation_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.
        read_request: reads what the client sent beside, after the reservation was found. Raises what is
            wrong with it.

    Raises:
        Forbidden: the token may not delete reservations.
        NotFound: the caller may see no reservation of this id, or the reservation has not every unit.
        PreconditionFailed: the reservation has other units or hardware than the client knows.
        StateConflict: the reservation is not provisioned.
        UnitsOccupied: placements have hosts of these units.
        RaceLost, StorageUnavailable: nothing is wrong with the request; a retry may succeed.
    """
    caller.require(Permission.DELETE_RESERVATIONS)
    reservation = visible_holder(services.reservations, caller, reservation_id, organizations)
    request = read_request()
    for attempt in range(ATTEMPTS_MAX):
        outcome = _attempt(services, caller, reservation, request)
        if isinstance(outcome, Released):
            return outcome
        found = services.reservations.get(reservation.organization_id, reservation.id)
        if found is None:
            raise NotFound("the reservation does not exist")
        if POD not in outcome.items:
            demand_change(found, reservation, outcome)
        reservation = found
        services.pause(attempt)
    raise RaceLost("the reservation or its hardware changed every time")


def _attempt(
    services: Needs, caller: Caller, reservation: Reservation, request: UnitRelease
) -> Released | Refused:
    """Decide on the reservation as read and on the topology as it is now, and write."""
    pod = _pod_of(services, reservation)
    _check(reservation, pod, request)
    positions = _positions(reservation, request)
    _check_vacant(services, caller, reservation, positions)
    units = tuple(
        ReleasedUnit(reservation.unit_id(domain.position), tuple(host.id for host in domain.hosts))
        for domain in domains_of(reservation, pod)
        if domain.position in positions
    )
    after = _without(services, reservation, pod, positions)
    written = services.reservations.change(reservation, after, *_beside(services, reservation, after, pod))
    if isinstance(written, Refused):
        return written
    services.telemetry.count("UnitsReleased", len(units))
    services.telemetry.audit(
        caller.subject,
        "release_reservation_units",
        reservation.id,
        "accepted",
        organization=reservation.organization_id,
        units=len(units),
    )
    start_workflow(services, written)
    region, quarantines = (
        services.inventory.region(written.region_id),
        services.inventory.quarantines([written.region_id]),
    )
    return Released(observe(written, pod, region, quarantines), units)


def _pod_of(services: Needs, reservation: Reservation) -> Pod:
    """The topology of a reservation's pod as it is now; for one that owns nothing a pod without domains.

    Raises:
        StorageUnavailable: the inventory does not have it.
    """
    pair = (reservation.region_id, reservation.pod_id or "")
    if reservation.pod_id is None:
        return Pod(*pair, reservation.flavor_id, 0, ())
    pod = services.inventory.pods({pair}).get(pair)
    if pod is None:
        raise StorageUnavailable("the topology could not be read", outcome_unknown=False)
    return pod


def _check(reservation: Reservation, pod: Pod, request: UnitRelease) -> None:
    """Check that the client knows what the reservation has now, and that its status allows a release."""
    has_hash = reservation.runs or reservation.topology_hash is not None
    if has_hash and request.topology_hash != hash_of(reservation, pod):
        raise PreconditionFailed("If-Match is not the present topologyHash: read the reservation again")
    if reservation.status is not Status.PROVISIONED:
        raise StateConflict(
            f"units can be released while the reservation is provisioned, and it is {reservation.status}"
        )


def _positions(reservation: Reservation, request: UnitRelease) -> frozenset[int]:
    """Where the units are that the request names."""
    by_id = {reservation.unit_id(position): position for position in reservation.positions}
    if not by_id.keys() >= set(request.unit_ids):
        raise NotFound("the reservation does not have every unit of spec.unitIds")
    return frozenset(by_id[unit_id] for unit_id in request.unit_ids)


def _check_vacant(
    services: Needs, caller: Caller, reservation: Reservation, positions: frozenset[int]
) -> None:
    """Refuse if placements have hosts of these units, and name the placements that the caller may read."""
    occupied = {
        position: [name for name, hosts in reservation.occupied.items() if position in dict(hosts)]
        for position in sorted(positions & reservation.occupied_hosts.keys())
    }
    if not occupied:
        return
    if not caller.may(Permission.READ_PLACEMENTS):
        raise UnitsOccupied({reservation.unit_id(position): {} for position in occupied})
    names = {name for found in occupied.values() for name in found}
    wanted = [(reservation.organization_id, name) for name in names]
    placements = {placement.id: placement for placement in services.placements.many(wanted)}
    raise UnitsOccupied(
        {
            reservation.unit_id(position): {
                name: _servers_at(placements[name], position) if name in placements else ()
                for name in sorted(found)
            }
            for position, found in occupied.items()
        }
    )


def _servers_at(placement: PlacementRecord, position: int) -> tuple[str, ...]:
    return tuple(placement.server_id(ordinal) for ordinal, place, _ in placement.slots() if place == position)


def _without(services: Needs, reservation: Reservation, pod: Pod, positions: frozenset[int]) -> Reservation:
    """The reservation without units: every run that has some of them is split, under new tags."""
    kept: list[Run] = []
    leaving: list[Run] = []
    for run in reservation.runs:
        if positions.isdisjoint(run.placement.positions):
            kept.append(run)
            continue
        for is_leaving, piece in groupby(run.placement.positions, positions.__contains__):
            found = list(piece)
            place = Placement(pod.id, found[0], len(found))
            side = leaving if is_leaving else kept
            side.append(Run(place, new_tag(services.ids.random_bytes())))
    now = services.clock.now()
    after = replace(
        reservation,
        runs=tuple(kept),
        leaving=(*reservation.leaving, *leaving),
        attempt=0,
        unsettled_since=reservation.unsettled_since if reservation.leaving else now,
        deadline=now + services.limits.teardown_seconds_max,
    )
    identities = [identity_of(domain) for domain in domains_of(after, pod)]
    return replace(after, topology_hash=hash_of(after, pod), hardware=hardware_digest(identities))


def _beside(services: Needs, before: Reservation, after: Reservation, pod: Pod) -> Iterator[Action]:
    """The writes beside that of the record: bookings, and the quota of a counted reservation."""
    ended = [run for run in before.runs if run not in after.runs]
    made = [run for run in (*after.runs, *after.leaving) if run not in (*before.runs, *before.leaving)]
    bookings = [Booking(run.tag, run.placement.start, run.placement.count, before.created_at) for run in made]
    place = place_of(before, ended[0])
    yield split_write(services.inventory.table, place, ended, bookings, pod.version)
    if before.counted:
        units = before.owned_units - after.owned_units
        yield uncount(services.reservations.table, before.organization_id, before.accelerator, units)

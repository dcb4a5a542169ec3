"""Moves servers of a placement that have lost their hosts to other hosts of the same reservation.

    set the host aside → choose another one → record the move → … the new server is deployed by a round
                                                             → … the old host is given back by ``let_go``

One transaction records the move: the placement gets the new host and names the old one as leaving, and the
reservation keeps both for it. So no other placement gets either, and a release of units and a delete come
before the move or see it. Only when the provider lists no server on the old host any more, another
transaction gives that back. A process that dies in between leaves a record that says what is left to do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.ids import seed_of
from gpu_capacity.inventory.model import HostState
from gpu_capacity.placement.replacement import choose_replacement
from gpu_capacity.placement.servers import UnitHosts
from gpu_capacity.placements.losses import MOVES_MAX, may_move
from gpu_capacity.placements.moves import Leaving
from gpu_capacity.placements.writing import ACTOR, audit
from gpu_capacity.providers.port import Readiness, ServerState
from gpu_capacity.reservations.observation import domains_of
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import HasClock, HasInventory, HasProvider, HasQuarantine, HasTelemetry
    from gpu_capacity.inventory.model import Host
    from gpu_capacity.placements.losses import Loss
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.placements.seating import Seating
    from gpu_capacity.providers.port import Server
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(
        HasClock,
        HasInventory,
        HasPlacements,
        HasProvider,
        HasQuarantine,
        HasReservations,
        HasTelemetry,
        Protocol,
    ):
        """What the functions of this module work with."""


RESERVATION: Final = "reservation"
"""The label of the write of the reservation."""

NO_HOST: Final = "no fit host of the reservation is free"

REASON_LENGTH_MAX: Final = 200
"""Characters of a reason in a record: providers may have a lot to say."""


@dataclass(frozen=True, slots=True)
class Healed:
    """What became of lost servers. ``left`` are those that stay where they are, with why, for customers.

    ``moved`` is how many move; ``raced``: somebody else changed the placement or its reservation first.
    """

    moved: int = 0
    left: tuple[tuple[Loss, str], ...] = ()
    raced: bool = False


def heal(services: Needs, placement: Placement, losses: Sequence[Loss], servers: Sequence[Server]) -> Healed:
    """Set the hosts of lost servers aside, and record to which hosts the servers move. Without any, nothing.

    Args:
        services: collaborators.
        placement: the record, which the write is on the condition of.
        losses: the servers that have lost their hosts.
        servers: those in their places.

    Raises:
        ProviderUnavailable: the provider did not answer.
        StorageUnavailable: the outcome is unknown, or the topology could not be read.
    """
    if not losses:
        return Healed()
    reservation = services.reservations.get(placement.organization_id, placement.reservation_id)
    if reservation is None or reservation.life != placement.reservation_life:
        return Healed(left=tuple((loss, "its reservation does not exist any more") for loss in losses))
    _set_aside(services, placement, [loss for loss in losses if not loss.runs])
    # Hosts of servers that still run follow once these move, or are known not to.
    running = [loss for loss in losses if loss.runs]
    candidates = _Candidates.of(services, reservation, [loss.host_id for loss in losses])
    after, moves, left = _planned(services, placement, losses, servers, candidates)
    if not moves:
        _set_aside(services, placement, running)
        return Healed(left=left)
    taken = reservation.with_placement(placement.id, after.hosts)
    beside = services.reservations.change_beside(reservation, taken, RESERVATION)
    if isinstance(services.placements.change(placement, after, beside), Refused):
        return Healed(raced=True)
    for move in moves:
        _report(services, placement, move)
    _set_aside(services, placement, running)
    return Healed(len(moves), left)


@dataclass(frozen=True, slots=True)
class _Move:
    """The move of a lost server. ``stays``: within its domain."""

    loss: Loss
    host_id: str
    stays: bool


def _planned(
    services: Needs,
    placement: Placement,
    losses: Sequence[Loss],
    servers: Sequence[Server],
    candidates: _Candidates,
) -> tuple[Placement, list[_Move], tuple[tuple[Loss, str], ...]]:
    """The placement after the moves, these, and the servers that stay, with why."""
    after, moves, left = placement, [], []
    now = services.clock.now()
    for loss in losses:
        if not may_move(after, servers, loss):
            left.append((loss, _why_not(after, loss)))
            continue
        home, former = next((p, s) for ordinal, p, s in after.slots() if ordinal == loss.ordinal)
        if (place := candidates.take(after, home)) is None:
            left.append((loss, NO_HOST))
            continue
        position, slot, host_id = place
        reason = loss.reason[:REASON_LENGTH_MAX]
        leaving = Leaving(loss.ordinal, home, former, loss.host_id or "", reason, now)
        after = after.with_move(leaving, position, slot, host_id)
        moves.append(_Move(loss, host_id, position == home))
    return after, moves, tuple(left)


def let_go(services: Needs, placement: Placement, seating: Seating) -> Placement | None:
    """Remove former servers at the provider, and give back the hosts that it has let go of.

    Returns:
        The placement as it is now; None if somebody else changed it or its reservation first.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    staying = [s.host_id for s in (*seating.former, *seating.strays) if s.state is not ServerState.DELETING]
    if staying:
        services.provider.undeploy(placement.server_owner, staying)
    there = {(server.ordinal, server.host_id) for server in seating.former}
    gone = [one for one in placement.leaving if (one.ordinal, one.host_id) not in there]
    if not gone:
        return placement
    after = placement.without_leaving(gone)
    beside: list[Action] = []
    reservation = services.reservations.get(placement.organization_id, placement.reservation_id)
    if reservation is not None and reservation.life == placement.reservation_life:
        kept = reservation.with_placement(placement.id, after.hosts)
        beside.append(services.reservations.change_beside(reservation, kept, RESERVATION))
    written = services.placements.change(placement, after, *beside)
    if isinstance(written, Refused):
        return None
    for one in gone:
        server = placement.server_id(one.ordinal)
        audit(services, placement, "give_back_host", "given back", host=one.host_id, server=server)
    return written


def has_room(services: Needs, placement: Placement) -> bool:
    """Whether its reservation has a host to which a server could move.

    Raises:
        ProviderUnavailable: the provider did not answer.
        StorageUnavailable: the topology could not be read.
    """
    reservation = services.reservations.get(placement.organization_id, placement.reservation_id)
    if reservation is None or reservation.life != placement.reservation_life:
        return False
    return any(unit.free & unit.ready for unit in _Candidates.of(services, reservation, ()).units)


@dataclass(slots=True)
class _Candidates:
    """The hosts of a reservation to which servers can move; each is taken once."""

    units: list[UnitHosts]
    hosts: dict[tuple[int, int], str]

    @classmethod
    def of(cls, services: Needs, reservation: Reservation, aside: Iterable[str | None]) -> _Candidates:
        """Those that are free, in service and on sale, and that the provider calls ready.

        Raises:
            StorageUnavailable: the topology could not be read.
        """
        if reservation.status is not Status.PROVISIONED or reservation.pod_id is None:
            return cls([], {})
        pair = (reservation.region_id, reservation.pod_id)
        pod = services.inventory.pods({pair}).get(pair)
        if pod is None:
            raise StorageUnavailable("the topology could not be read", outcome_unknown=False)
        taken = reservation.occupied_hosts
        regions = [reservation.region_id]
        unfit = {*aside, *services.inventory.quarantines(regions, consistent=True)}
        free: dict[tuple[int, int], Host] = {}
        domains = domains_of(reservation, pod)
        for domain in domains:
            for host in domain.hosts:
                usable = host.state is HostState.IN_SERVICE and host.id not in unfit
                if usable and not taken.get(domain.position, 0) >> host.slot & 1:
                    free[domain.position, host.slot] = host
        fitness = services.provider.fitness([host.id for host in free.values()]) if free else {}
        ready = {place for place, host in free.items() if fitness[host.id].readiness is Readiness.READY}
        units = []
        for domain in domains:
            masks = [
                sum(1 << slot for position, slot in places if position == domain.position)
                for places in (free, ready)
            ]
            hosts = sum(1 << host.slot for host in domain.hosts)
            units.append(UnitHosts(pod.id, domain.position, hosts, *masks))
        return cls(units, {place: host.id for place, host in free.items()})

    def take(self, placement: Placement, home: int) -> tuple[int, int, str] | None:
        """Position, slot and id of the host to which a server moves from a domain; None if there is none."""
        own = Counter(position for _, position, _ in placement.slots())
        policy, seed = placement.constraints.policy, seed_of(placement.id)
        chosen = choose_replacement(self.units, home, own, policy, seed)
        if chosen is None:
            return None
        self.units = [
            replace(unit, free=unit.free & ~chosen.hosts) if unit.position == chosen.position else unit
            for unit in self.units
        ]
        place = chosen.position, chosen.hosts.bit_length() - 1
        return *place, self.hosts[place]


def _set_aside(services: Needs, placement: Placement, losses: Iterable[Loss]) -> None:
    """Put the hosts of lost servers into quarantine, unless something else is to blame.

    Nothing begins on a host in a maintenance at the provider. When that ends, it is looked at anyway.
    """
    blamed = {loss.host_id: loss for loss in losses if loss.host_id is not None and loss.blames_host}
    maintained = services.provider.maintained(list(blamed)) if blamed else {}
    for host_id, loss in blamed.items():
        if maintained[host_id]:
            continue
        services.quarantine.set(
            placement.region_id,
            host_id,
            f"a server on it {loss.reason}"[:REASON_LENGTH_MAX],
            f"{placement.server_name(loss.ordinal)} of placement {placement.id}, {loss.reason}",
            by=ACTOR,
            pod_id=placement.pod_id,
        )


def _why_not(placement: Placement, loss: Loss) -> str:
    """Why a lost server does not move, although there may be a host for it."""
    if placement.is_leaving(loss.ordinal):
        return "its former host has to be given up first"
    moved = placement.move_of(loss.ordinal)
    if moved is not None and moved.times >= MOVES_MAX:
        return f"it has moved {MOVES_MAX} times without coming up"
    return "none of the servers was up with this image, so it may be the image"


def _report(services: Needs, placement: Placement, move: _Move) -> None:
    within = "domain" if move.stays else "reservation"
    services.telemetry.count("ServersReplaced", within=within)
    audit(
        services,
        placement,
        "replace_server",
        "moved",
        server=placement.server_id(move.loss.ordinal),
        left=move.loss.host_id,
        host=move.host_id,
        within=within,
        reason=move.loss.reason,
    )

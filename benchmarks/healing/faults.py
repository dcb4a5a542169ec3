"""Faults of hosts under servers of placements: the provider loses the server, and the service has to notice.

Everything runs that runs in production: the watch of providers every minute, and rounds of the workflows that
it starts. The provider is the simulated one, over tables in memory. An operator brings hosts back after
``REPAIR_MINUTES``.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gpu_capacity.operations.quarantine import Quarantines
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.upkeep.watch.run import watch_providers
from testkit.placements import found, place, provisioned
from testkit.provider import forget_server
from testkit.world import ORGANIZATION, REGION, World, pod

if TYPE_CHECKING:
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Server

HOSTS: Final = 18
RACKS: Final = 4
"""Racks of an order. Its placement has all hosts but one spare of each rack."""

SPARE: Final = 1
MINUTE: Final = 60
FAULTS_A_MINUTE: Final = 5
REPAIR_MINUTES: Final = 4
ROUNDS_MAX: Final = 40
ROUND_SECONDS: Final = 5


@dataclass(slots=True)
class Healing:
    """What became of faults. Times are in seconds; ``decided`` is real time, on this machine."""

    faults: int = 0
    orders: int = 0
    saved: int = 0
    in_domain: int = 0
    in_reservation: int = 0
    outside: int = 0
    noticed: list[float] = field(default_factory=list)
    decided: list[float] = field(default_factory=list)

    @property
    def replaced(self) -> int:
        """Servers that have another host."""
        return self.in_domain + self.in_reservation + self.outside

    @property
    def shown(self) -> list[float]:
        """From each fault until its replacement was decided."""
        return sorted(noticed + decided for noticed, decided in zip(self.noticed, self.decided, strict=True))


@dataclass(frozen=True, slots=True)
class _Fault:
    placement_id: str
    ordinal: int
    position: int
    host_id: str
    seconds_ago: float


def run(faults: int, orders: int, seed: int = 1) -> Healing:
    """Let hosts fail under a full region, some in each minute, until there were so many faults."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    world = World(pods=tuple(pod(f"pod{n:02}", RACKS, hosts=HOSTS) for n in range(orders)), trusting=True)
    placements = [_order(world) for _ in range(orders)]
    healing = Healing(orders=orders)
    broken: list[tuple[int, str]] = []
    minute = 0
    while healing.faults < faults:
        minute += 1
        wanted = min(FAULTS_A_MINUTE, orders, faults - healing.faults)
        now = [_fail(world, draw, placement_id) for placement_id in draw.sample(placements, wanted)]
        healing.faults += len(now)
        began = time.perf_counter()
        watch_providers(world.services)
        _heal(world, healing, now, began)
        broken += [(minute, fault.host_id) for fault in now]
        while broken and broken[0][0] + REPAIR_MINUTES <= minute:
            _repair(world, broken.pop(0)[1])
        world.clock.advance(MINUTE)
    states = [found(world, placement_id) for placement_id in placements]
    healing.saved = sum(_is_whole(world, placement) for placement in states)
    return healing


def _order(world: World) -> str:
    """A reservation of a pod's racks, with a placement on all hosts that are not spare; it runs."""
    reservation = provisioned(world, RACKS, spare_hosts_per_unit=SPARE)
    made = place(world, reservation.id, RACKS * (HOSTS - SPARE))
    _settle(world, made.id)
    return made.id


def _fail(world: World, draw: random.Random, placement_id: str) -> _Fault:
    """A host loses the server that is on it, at some moment of the minute before the watch looks."""
    placement = found(world, placement_id)
    server = draw.choice(_servers(world, placement))
    forget_server(world.db, server.owner, server.host_id)
    position = next(p for ordinal, p, _ in placement.slots() if ordinal == server.ordinal)
    return _Fault(placement_id, server.ordinal, position, server.host_id, draw.random() * MINUTE)


def _heal(world: World, healing: Healing, faults: list[_Fault], began: float) -> None:
    """Run the workflows that the watch has started. The first round of each decides."""
    for fault in faults:
        settle_placement(world.services, ORGANIZATION, fault.placement_id)
        healing.noticed.append(fault.seconds_ago)
        healing.decided.append(time.perf_counter() - began)
        placement = found(world, fault.placement_id)
        moved = placement.move_of(fault.ordinal)
        if moved is None or moved.host_id == fault.host_id:
            continue
        position = next(p for ordinal, p, _ in placement.slots() if ordinal == fault.ordinal)
        reservation = world.services.reservations.get(ORGANIZATION, placement.reservation_id)
        if reservation is None or position not in reservation.positions:
            healing.outside += 1
        elif position == fault.position:
            healing.in_domain += 1
        else:
            healing.in_reservation += 1
    for fault in faults:
        _settle(world, fault.placement_id)


def _settle(world: World, placement_id: str) -> None:
    for _ in range(ROUNDS_MAX):
        settle_placement(world.services, ORGANIZATION, placement_id)
        if not found(world, placement_id).is_unsettled and not found(world, placement_id).leaving:
            return
        world.clock.advance(ROUND_SECONDS)


def _repair(world: World, host_id: str) -> None:
    """An operator has repaired a host."""
    services = world.services
    quarantines = Quarantines(services.fleet, services.telemetry, services.pause, services.clock)
    quarantines.lift(REGION, host_id, by="operator")


def _servers(world: World, placement: Placement) -> list[Server]:
    return list(world.services.provider.servers(placement.server_owner))


def _is_whole(world: World, placement: Placement) -> bool:
    """Whether the customer has every server, without having done anything."""
    whole = len(_servers(world, placement)) == placement.count
    return placement.status is PlacementStatus.PROVISIONED and whole and placement.failure is None

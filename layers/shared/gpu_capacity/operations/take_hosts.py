"""Takes hosts into the provider's maintenance: free ones, and held ones that may be taken.

A host is recorded as taken first, under the revision of the maintenance. Servers on it are stopped, as gently
as their operating system allows; then the provider is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.inventory.maintenances import MaintainedHost, MaintenanceStatus, hosts_of
from gpu_capacity.operations.announce_maintenance import close_pods
from gpu_capacity.providers.port import MaintenanceOutcome, PowerAction, ServerState
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasInventory, HasProvider
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.inventory.snapshot import Snapshot
    from gpu_capacity.operations.announce_maintenance import Needs as AnnounceNeeds
    from gpu_capacity.providers.port import Server
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasClock, AnnounceNeeds, HasInventory, HasProvider, HasReservations, Protocol):
        """What the functions of this module work with."""


HOSTS_PER_RUN_MAX: Final = 2000
"""Hosts that one run takes for one maintenance; the next run takes more."""

HOSTS_PER_CALL: Final = 100

STOP_SECONDS_MAX: Final = 300
"""How long a server is waited for that has to stop."""

_AT_WORK: Final = frozenset(
    {
        ServerState.QUEUED,
        ServerState.BUILDING,
        ServerState.REBUILDING,
        ServerState.RUNNING,
        ServerState.STOPPING,
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A host that a maintenance is about, where it is.

    ``is_free`` and ``is_closed`` say whether nobody has it, and whether the shape of its pod keeps new
    holders off.
    """

    pod_id: str
    position: int
    host_id: str
    is_free: bool
    is_closed: bool


def take_hosts(
    services: Needs, maintenance: Maintenance, known: Sequence[MaintainedHost]
) -> tuple[list[MaintainedHost], list[MaintainedHost]]:
    """Take what may be taken now.

    Args:
        services: collaborators.
        maintenance: an active one.
        known: the hosts that it has taken already.

    Returns:
        All hosts that it has taken, and those of them that it is not about any more or gives back.

    Raises:
        ProviderUnavailable: the provider did not answer.
        StorageUnavailable: the database did not answer.
    """
    places = places_of(services, maintenance)
    if ajar := {place.pod_id for place in places if not place.is_closed}:
        close_pods(services, maintenance.region_id, ajar)
    taken = {host.host_id: host for host in known}
    added = _added(services, maintenance, [place for place in places if place.host_id not in taken])
    if added and services.maintenances.take(maintenance, added):
        taken |= {host.host_id: host for host in added}
    about = {place.host_id for place in places}
    gone = [h for h in taken.values() if h.back_since is not None or (places and h.host_id not in about)]
    leaving = {host.host_id for host in gone}
    waiting = [h for h in taken.values() if h.in_effect_since is None and h.host_id not in leaving]
    for start in range(0, len(waiting), HOSTS_PER_CALL):
        _begin(services, maintenance, waiting[start : start + HOSTS_PER_CALL])
    return list(taken.values()), gone


def places_of(services: HasInventory, maintenance: Maintenance) -> list[Place]:
    """The hosts that a maintenance is about, in order of pods, domains and slots.

    Hosts of a pod that changes while it is read are left out until the next time.
    """
    found: list[Place] = []
    snapshots: dict[str, Snapshot] = {}
    for pod in services.inventory.pods_of(maintenance.region_id):
        hosts = list(hosts_of(maintenance.targets, pod))
        if not hosts:
            continue
        if pod.flavor_id not in snapshots:
            snapshots[pod.flavor_id] = services.inventory.fresh_snapshot(maintenance.region_id, pod.flavor_id)
        snapshot = snapshots[pod.flavor_id]
        shape, owned = snapshot.shapes.get(pod.id), snapshot.ownership.get(pod.id)
        if shape is None or owned is None or not shape.version == owned.version == pod.version:
            continue
        domains = {domain.position: domain for domain in shape.domains}
        for position, host in hosts:
            domain = domains[position]
            found.append(
                Place(
                    pod.id,
                    position,
                    host.id,
                    is_free=not owned.owned_hosts(position) >> host.slot & 1,
                    is_closed=domain.cordoned or not domain.usable >> host.slot & 1,
                )
            )
    return found


def _added(services: Needs, maintenance: Maintenance, places: Iterable[Place]) -> list[MaintainedHost]:
    """The hosts to take now. What is free may be taken only where no new holder can come."""
    now = services.clock.now()
    is_open = maintenance.status is MaintenanceStatus.OPEN
    forced = maintenance.is_forced_at(now)
    permitted = set() if forced else _permitted(services, maintenance)
    name = f"{maintenance.id}-{maintenance.revision}"
    taken = (
        MaintainedHost(maintenance.id, place.host_id, place.pod_id, name, now, held=not place.is_free)
        for place in places
        if (is_open and place.is_free and place.is_closed)
        or (not place.is_free and (forced or (place.pod_id, place.position) in permitted))
    )
    return [host for host, _ in zip(taken, range(HOSTS_PER_RUN_MAX), strict=False)]


def _permitted(services: Needs, maintenance: Maintenance) -> set[tuple[str, int]]:
    """The domains of reservations that allow the maintenance, as (pod id, position).

    The records are read after the ownership: what a record has then, it had.
    """
    found = set()
    for permit in maintenance.permits:
        record = services.reservations.get(permit.organization_id, permit.holder_id)
        if record is None or record.life != permit.life or record.status is not Status.PROVISIONED:
            continue
        if record.region_id == maintenance.region_id and record.pod_id is not None:
            found |= {(record.pod_id, position) for position in record.positions}
    return found


def _begin(services: Needs, maintenance: Maintenance, hosts: Sequence[MaintainedHost]) -> None:
    """Stop the servers of hosts that have been taken, and have the provider take those without one."""
    now = services.clock.now()
    servers = {s.host_id: s for s in services.provider.servers_on([host.host_id for host in hosts])}
    ready = [host for h in hosts if (host := _stopped(services, h, servers.get(h.host_id), now)) is not None]
    for name in dict.fromkeys(host.name for host in ready):
        mine = {host.host_id: host for host in ready if host.name == name}
        outcomes = services.provider.maintain(name, list(mine), maintenance.reason)
        for host_id, outcome in outcomes.items():
            if outcome is MaintenanceOutcome.IN_MAINTENANCE:
                services.maintenances.change_host(mine[host_id], replace(mine[host_id], in_effect_since=now))


def _stopped(services: Needs, host: MaintainedHost, server: Server | None, now: int) -> MaintainedHost | None:
    """The host, if no server is at work on it or one has not stopped in time; else ``None``, for now.

    Which server was stopped is recorded before it is, so that it is started again.
    """
    if server is None or server.state not in _AT_WORK:
        return host
    if server.state is ServerState.RUNNING and host.stopped is None:
        stopping = replace(host, stopped=server.owner)
        if not services.maintenances.change_host(host, stopping):
            return None
        host = stopping
    services.provider.power(server.owner, server.host_id, PowerAction.STOP)
    return host if now >= host.since + STOP_SECONDS_MAX else None

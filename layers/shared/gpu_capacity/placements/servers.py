"""The servers of a placement, computed at each read from its record, the provider and the inventory.

Nothing of them is stored. So what is shown is never older than the request, and a provider that changes a
server by itself is believed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id
from gpu_capacity.placements.seating import seating_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasInventory, HasProvider
    from gpu_capacity.inventory.model import Domain, Pod
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.providers.port import Fitness, Server

    class Needs(HasInventory, HasPlacements, HasProvider, Protocol):
        """What the functions of this module work with."""


_DIGITS_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class PlacementServer:
    """A server of a placement, or the place of one that is not there yet.

    ``host_id`` is None if neither the provider nor the inventory has the host, ``fitness`` if the provider
    does not know it. ``path`` has display names from the host outward: of its domain, then of its pod.
    """

    placement: Placement
    ordinal: int
    host_id: str | None
    server: Server | None
    fitness: Fitness | None
    path: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id of the server."""
        return self.placement.server_id(self.ordinal)


def list_placement_servers(
    services: Needs, caller: Caller, placement_id: str, organizations: frozenset[str]
) -> list[PlacementServer]:
    """All servers of a placement, in order of ordinals.

    Raises:
        Forbidden: the token may not read placements.
        NotFound: the caller may see no placement of this id.
        ProviderUnavailable: the provider did not answer.
    """
    caller.require(Permission.READ_PLACEMENTS)
    placement = visible_holder(services.placements, caller, placement_id, organizations)
    return servers_of(services, placement, range(placement.count))


def get_placement_server(
    services: Needs, caller: Caller, placement_id: str, server_id: str, organizations: frozenset[str]
) -> PlacementServer:
    """One server of a placement.

    Raises:
        Forbidden: the token may not read placements.
        NotFound: the caller may see no placement of this id, or it has no such server.
        ProviderUnavailable: the provider did not answer.
    """
    caller.require(Permission.READ_PLACEMENTS)
    placement = visible_holder(services.placements, caller, placement_id, organizations)
    return servers_of(services, placement, [ordinal_of(placement, server_id)])[0]


def ordinal_of(placement: Placement, server_id: str) -> int:
    """The ordinal of a server.

    Raises:
        NotFound: the placement has no such server.
    """
    for ordinal in range(placement.count):
        if placement.server_id(ordinal) == server_id:
            return ordinal
    raise NotFound("the server does not exist")


def servers_of(services: Needs, placement: Placement, ordinals: Iterable[int]) -> list[PlacementServer]:
    """The servers of these ordinals, in their order.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    pair = (placement.region_id, placement.pod_id)
    return servers_in(services, placement, services.inventory.pods({pair}).get(pair), ordinals)


def servers_in(
    services: HasProvider, placement: Placement, pod: Pod | None, ordinals: Iterable[int]
) -> list[PlacementServer]:
    """The servers of these ordinals, in their order, by its pod as it was read.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    domains = {domain.position: domain for domain in (pod.domains if pod else ())}
    listed = services.provider.servers(placement.server_owner)
    servers = {server.ordinal: server for server in seating_of(placement, listed).servers}
    places = {ordinal: (position, slot) for ordinal, position, slot in placement.slots()}
    hosts = {
        ordinal: _host_id(servers.get(ordinal), domains.get(places[ordinal][0]), places[ordinal][1])
        for ordinal in ordinals
    }
    fitness = services.provider.fitness([host_id for host_id in hosts.values() if host_id is not None])
    return [
        PlacementServer(
            placement=placement,
            ordinal=ordinal,
            host_id=host_id,
            server=servers.get(ordinal),
            fitness=None if host_id is None else fitness.get(host_id),
            path=_path(placement, domains.get(places[ordinal][0])),
        )
        for ordinal, host_id in hosts.items()
    ]


def _host_id(server: Server | None, domain: Domain | None, slot: int) -> str | None:
    """The host of a server: as the provider says, or, while there is no server, as the inventory says."""
    if server is not None:
        return server.host_id
    return next((host.id for host in domain.hosts if host.slot == slot), None) if domain else None


def _path(placement: Placement, domain: Domain | None) -> tuple[str, ...]:
    """Names for display, which do not show the ids of the fleet manager."""
    if domain is None:
        return ()
    pod = opaque_pod_id(placement.region_id, placement.pod_id)[:_DIGITS_SHOWN]
    if domain.name != domain.id:
        return domain.name, f"pod-{pod}"
    return f"domain-{opaque_domain_id(placement.region_id, domain.id)[:_DIGITS_SHOWN]}", f"pod-{pod}"

"""The hosts of an organization with their way through the network, as schedulers of jobs need them.

A host is the organization's through a reservation, a placement or a capacity claim, and is shown to who may
read that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.project_scoped import ProjectScoped
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.model import Domain, Pod
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasInventory, HasReservations, HasPlacements, HasClaims, Protocol):
        """What the functions of this module work with."""


WHOLE: Final = -1
"""The mask of all hosts of a domain."""


@dataclass(frozen=True, slots=True)
class HeldHost:
    """A host of an organization.

    Args:
        id: of the host, as other answers show it.
        name: of the server that a placement has on it, which is the server's hostname; else of the host.
        path: region, pod and, if it has several hosts, domain; from the root down.
        block: the NVLink domain; None if it is this host alone.
    """

    id: str
    name: str
    path: tuple[str, ...]
    block: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """What a holder has of a domain: a mask over slots, and the names of servers by slot."""

    pod_id: str
    position: int
    hosts: int
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Held:
    """What an organization has of a pod: masks over slots by position, and names by position and slot."""

    hosts: dict[int, int]
    names: dict[tuple[int, int], str]

    def add(self, part: _Part) -> None:
        """Take in one more part."""
        self.hosts[part.position] = self.hosts.get(part.position, 0) | part.hosts
        self.names.update({(part.position, slot): name for slot, name in part.names.items()})


def held_hosts(services: Needs, caller: Caller, organization_id: str, region_id: str) -> list[HeldHost]:
    """The hosts that an organization has in a region, in order of pods, positions and slots.

    Raises:
        Forbidden: the token may not read the topology, or is not of the organization.
        NotFound: the organization neither sees the region nor has anything there.
    """
    caller.require(Permission.READ_TOPOLOGY)
    caller.require_organization(organization_id)
    held: dict[str, _Held] = {}
    for part in _parts(services, caller, organization_id, region_id):
        held.setdefault(part.pod_id, _Held({}, {})).add(part)
    if not held:
        region = services.inventory.fresh_region(region_id)
        if region is None or not region.is_visible_to(frozenset({organization_id})):
            raise NotFound("the region does not exist")
    pods = services.inventory.pods((region_id, pod_id) for pod_id in held)
    return [
        host
        for (_, pod_id), pod in sorted(pods.items())
        for domain in pod.domains
        for host in _in_domain(pod, domain, held[pod_id])
    ]


def _parts(services: Needs, caller: Caller, organization_id: str, region_id: str) -> Iterator[_Part]:
    """What the caller may read of what the organization has in the region."""
    parts: list[Iterator[_Part]] = []
    if caller.may(Permission.READ_RESERVATIONS):
        reservations = services.reservations.of_organization(organization_id)
        parts += [_of_reservation(one) for one in reservations if _is_shown(caller, one, region_id)]
    if caller.may(Permission.READ_PLACEMENTS):
        placements = services.placements.of_organization(organization_id)
        parts += [_of_placement(one) for one in placements if _is_shown(caller, one, region_id)]
    # Operators read capacity claims of their own organizations only.
    if caller.may(Permission.READ_CAPACITY_CLAIMS) and organization_id in caller.organizations:
        claims = services.claims.of_organization(organization_id)
        parts += [_of_claim(one, region_id) for one in claims]
    return chain.from_iterable(parts)


def _is_shown(caller: Caller, holder: ProjectScoped, region_id: str) -> bool:
    return holder.region_id == region_id and caller.may_see(holder.organization_id, holder.project_id)


def _of_reservation(reservation: Reservation) -> Iterator[_Part]:
    return (_Part(reservation.pod_id or "", position, WHOLE) for position in reservation.positions)


def _of_placement(placement: Placement) -> Iterator[_Part]:
    for ordinal, position, slot in placement.slots():
        yield _Part(placement.pod_id, position, 1 << slot, {slot: placement.server_name(ordinal)})


def _of_claim(claim: CapacityClaim, region_id: str) -> Iterator[_Part]:
    for allocation in claim.allocations:
        if allocation.zone == region_id:
            yield _Part(allocation.pod_id, allocation.position, allocation.hosts)


def _in_domain(pod: Pod, domain: Domain, held: _Held) -> Iterator[HeldHost]:
    mask = held.hosts.get(domain.position, 0)
    path = [pod.region_id, opaque_pod_id(pod.region_id, pod.id)]
    block = None
    if len(domain.hosts) > 1:
        block = opaque_domain_id(pod.region_id, domain.id)
        path.append(block)
    for host in sorted(domain.hosts, key=lambda host: host.slot):
        if mask >> host.slot & 1:
            name = held.names.get((domain.position, host.slot), host.name)
            yield HeldHost(host.id, name, tuple(path), block)

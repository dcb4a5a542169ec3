"""Read the topology that an organization sees.

It sees every pod of what the regions that it may see offer to it. In a region that it may not see, or no
longer, and of what its region no longer offers, it sees the domains of its reservations only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gpu_capacity.access import Permission
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id
from gpu_capacity.inventory.units import shows_quarantines
from gpu_capacity.placements.observation import ObservedPlacement
from gpu_capacity.placements.progress import counts_of
from gpu_capacity.placements.servers import servers_in
from gpu_capacity.reservations.observation import domains_of, observe
from gpu_capacity.topology.tree import (
    DomainNode,
    HostNode,
    PodNode,
    Projection,
    RegionTopology,
    ReservationOverlay,
    UnitNode,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.cordons import Cordon
    from gpu_capacity.inventory.model import Domain, Pod, Region
    from gpu_capacity.inventory.snapshot import Ownership
    from gpu_capacity.placements.observation import Needs as PlacementNeeds
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.placements.servers import PlacementServer
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.topology.tree import TopologyFilter

    class Needs(HasInventory, HasReservations, HasPlacements, PlacementNeeds, Protocol):
        """What the functions of this module work with."""


Place: TypeAlias = tuple[str, int]
"""A domain by its pod's id and its position."""


@dataclass(frozen=True, slots=True)
class _Sold:
    """What a projection is of. ``offered``: the organization can have more of it."""

    accelerator: str
    unit: str
    flavor_id: str
    device_type_resource_class: str
    hosts_per_unit: int
    offered: bool


@dataclass(frozen=True, slots=True)
class _Own:
    """What the organization has, as far as the caller may read it."""

    reservations: Sequence[Reservation]
    placements: Sequence[Placement]

    @property
    def units(self) -> dict[Place, Reservation]:
        """The units of the reservations, by pod and position."""
        return {(r.pod_id or "", position): r for r in self.reservations for position in r.positions}

    @property
    def hosts(self) -> dict[Place, dict[int, tuple[str, str]]]:
        """The hosts of the placements: ids of placements and of servers by slot, by pod and position.

        A host that a placement is leaving has no server any more: the id is empty.
        """
        found: dict[Place, dict[int, tuple[str, str]]] = {}
        for placement in self.placements:
            places = {(left.position, left.slot): "" for left in placement.leaving}
            places |= {(p, slot): placement.server_id(ordinal) for ordinal, p, slot in placement.slots()}
            for (position, slot), server_id in places.items():
                found.setdefault((placement.pod_id, position), {})[slot] = (placement.id, server_id)
        return found

    def narrowed(self, wanted: TopologyFilter) -> _Own:
        """The part of it that is asked for."""
        return _Own(
            [r for r in self.reservations if wanted.shows(r.project_id, r.id)],
            [p for p in self.placements if wanted.shows(p.project_id, p.reservation_id)],
        )


def get_organization_topology(
    services: Needs, caller: Caller, organization_id: str, wanted: TopologyFilter
) -> list[RegionTopology]:
    """The topology of an organization, in order of regions; those in which it sees nothing are left out.

    Reservations and placements are shown to a caller who may read them.

    Args:
        services: collaborators.
        caller: who sends the request.
        organization_id: whose topology.
        wanted: which part of it.

    Raises:
        Forbidden: the token may not read the topology, or is not of the organization.
    """
    caller.require(Permission.READ_TOPOLOGY)
    caller.require_organization(organization_id)
    reservations, placements = _own(services, caller, organization_id)
    found = []
    for region in services.inventory.regions():
        if wanted.region_id not in (None, region.id):
            continue
        mine = [r for r in reservations if r.region_id == region.id]
        visible = region.is_visible_to(frozenset({organization_id}))
        projections = []
        for name, sold in sorted(_sold(region, mine, visible=visible).items()):
            if not wanted.admits(region.id, sold.accelerator, sold.unit):
                continue
            under = [r for r in mine if (r.accelerator, r.unit, r.flavor_id) == name]
            # Only what the reservation as it was read has as well: a placement may have come or gone since.
            on_these = [placements[i] for r in under for i in sorted(r.occupied) if i in placements]
            own = _Own(under if caller.may(Permission.READ_RESERVATIONS) else [], on_these)
            projection = _projection(services, region, sold, own, own.narrowed(wanted))
            if projection.pods or sold.offered or own.reservations:
                projections.append(projection)
        if projections:
            found.append(RegionTopology(region.id, tuple(projections)))
    return found


def _own(
    services: Needs, caller: Caller, organization_id: str
) -> tuple[list[Reservation], dict[str, Placement]]:
    """What may be shown: reservations of the caller's projects, and placements by id.

    The reservations say under which name the hosts of a placement are sold, even where only placements may be
    read.
    """
    may_read_placements = caller.may(Permission.READ_PLACEMENTS)
    if not may_read_placements and not caller.may(Permission.READ_RESERVATIONS):
        return [], {}
    reservations = [
        r
        for r in services.reservations.of_organization(organization_id)
        if caller.may_see(r.organization_id, r.project_id)
    ]
    if not may_read_placements or not any(r.occupied for r in reservations):
        return reservations, {}
    return reservations, {p.id: p for p in services.placements.of_organization(organization_id)}


def _sold(
    region: Region, reservations: Sequence[Reservation], *, visible: bool
) -> dict[tuple[str, str, str], _Sold]:
    """What is shown of a region: what it offers, and what was reserved in it. By name and flavor."""
    classes = {o.flavor.id: o.device_type_resource_class for o in region.offerings}
    reserved = {
        (r.accelerator, r.unit, r.flavor_id): _Sold(
            r.accelerator,
            r.unit,
            r.flavor_id,
            classes.get(r.flavor_id, ""),
            r.hosts_per_unit,
            offered=False,
        )
        for r in reservations
    }
    offered = {
        (o.accelerator, o.unit, o.flavor.id): _Sold(
            o.accelerator,
            o.unit,
            o.flavor.id,
            o.device_type_resource_class,
            o.hosts_per_unit,
            offered=True,
        )
        for o in (region.offered if visible else ())
    }
    return reserved | offered


def _projection(services: Needs, region: Region, sold: _Sold, own: _Own, shown: _Own) -> Projection:
    """What is shown under one name. ``own`` says what the tree has, and ``shown`` what is laid over it."""
    snapshot = services.inventory.fresh_snapshot(region.id, sold.flavor_id)
    ownership = snapshot.ownership
    units, hosts = shown.units, shown.hosts
    own_places = own.units.keys() | own.hosts.keys()
    own_pods = {pod_id for pod_id, _ in own_places}
    versions = {
        (region.id, pod_id): ownership[pod_id].version
        for pod_id in ownership
        if sold.offered or pod_id in own_pods
    }
    pods = {pod.id: pod for pod in services.inventory.pods_in(versions).values()}
    observed = [_observed(services, placement, pods.get(placement.pod_id)) for placement in shown.placements]
    servers = {server.id: server for _, found in observed for server in found}
    hidden = any(
        shows_quarantines(domains_of(r, shape), domains_of(r, pod))
        for r in shown.reservations
        if (shape := snapshot.shapes.get(r.pod_id or "")) and (pod := pods.get(r.pod_id or ""))
    )
    quarantines = services.inventory.quarantines([region.id]) if hidden else {}
    return Projection(
        accelerator=sold.accelerator,
        unit=sold.unit,
        flavor_id=sold.flavor_id,
        device_type_resource_class=sold.device_type_resource_class,
        hosts_per_unit=sold.hosts_per_unit,
        pods=tuple(
            PodNode(
                opaque_pod_id(region.id, pod_id),
                tuple(
                    _domain(
                        region.id, domain, ownership[pod_id], units.get(place), hosts.get(place, {}), servers
                    )
                    for domain in pods[pod_id].domains
                    if (place := (pod_id, domain.position)) in own_places or sold.offered
                ),
            )
            for pod_id in sorted(pods)
        ),
        reservations=tuple(_overlay(r, pods, region, quarantines) for r in shown.reservations),
        placements=tuple(placement for placement, _ in observed),
    )


def _observed(
    services: Needs, placement: Placement, pod: Pod | None
) -> tuple[ObservedPlacement, list[PlacementServer]]:
    """A placement with its servers, from one answer of the provider; without, if it does not answer."""
    try:
        found = servers_in(services, placement, pod, range(placement.count))
    except ProviderUnavailable as error:
        services.telemetry.warning("servers not shown", placement=placement.id, reason=str(error))
        return ObservedPlacement(placement, None), []
    servers = [one.server for one in found if one.server is not None]
    return ObservedPlacement(placement, counts_of(placement, servers)), found


def _domain(
    region_id: str,
    domain: Domain,
    ownership: Ownership,
    reservation: Reservation | None,
    placed: Mapping[int, tuple[str, str]],
    servers: Mapping[str, PlacementServer],
) -> DomainNode:
    owned = ownership.owned_hosts(domain.position)
    reservation_id = unit_id = None
    if reservation is not None:
        reservation_id, unit_id = reservation.id, reservation.unit_id(domain.position)
    return DomainNode(
        opaque_domain_id(region_id, domain.id),
        domain.name if domain.name != domain.id else None,
        tuple(
            HostNode(
                host.id,
                reservation is not None or placement_id is not None or bool(owned >> host.slot & 1),
                reservation_id,
                unit_id,
                placement_id,
                servers.get(server_id),
            )
            for host in sorted(domain.hosts, key=lambda host: host.slot)
            for placement_id, server_id in [placed.get(host.slot, (None, ""))]
        ),
    )


def _overlay(
    reservation: Reservation,
    pods: Mapping[str, Pod],
    region: Region,
    quarantines: Mapping[str, Cordon],
) -> ReservationOverlay:
    """A reservation with the hardware that the same answer shows, so that its hash follows from it."""
    pod = pods.get(reservation.pod_id) if reservation.pod_id else None
    observed = observe(reservation, pod, region, quarantines)
    if pod is None:
        return ReservationOverlay(observed, None if reservation.runs else ())
    domains = {domain.position: domain for domain in pod.domains}
    occupied = reservation.occupied_hosts
    units = tuple(
        UnitNode(
            reservation.unit_id(position),
            tuple(h.id for h in sorted(domains[position].hosts, key=lambda h: h.slot))
            if position in domains
            else (),
            bool(occupied.get(position)),
        )
        for position in reservation.positions
    )
    return ReservationOverlay(observed, units)

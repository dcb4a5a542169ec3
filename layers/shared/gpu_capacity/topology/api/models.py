"""Bodies of the topology: names, casing and required fields as published.

The models describe the answer. It is built without them where it is large: a region may have some ten
thousand hosts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from gpu_capacity.placements.api.models import PlacementRead, placement_view
from gpu_capacity.placements.api.servers import PlacementServerRead, server_view
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.reservations.api.models import ReservationRead, reservation_view

if TYPE_CHECKING:
    from gpu_capacity.topology.tree import (
        DomainNode,
        HostNode,
        Projection,
        RegionTopology,
        ReservationOverlay,
    )


class TopologyHostRead(Body):
    """A host, and who has it as far as the caller may know."""

    model_config = ConfigDict(title="topologyHost")

    infrastructure_ref: str = Field(description="The id of the host.")
    reserved: bool = Field(description="Whether anybody has it.")
    reservation_ref: str | None = Field(None, description="The key of a reservation in the overlays.")
    reservation_unit_ref: str | None = Field(None, description="The key of a unit of that reservation.")
    placement_ref: str | None = Field(None, description="The key of a placement in the overlays.")
    server: PlacementServerRead | None = Field(
        None, description="Absent if the provider does not answer, or the topology is too large with servers."
    )


class TopologyDomainRead(Body):
    """An NVLink domain: a rack, or a single host. Its id is opaque; its name is for people."""

    model_config = ConfigDict(title="topologyDomain")

    id: str
    name: str | None = None
    hosts: list[TopologyHostRead] = Field(description="In the order of their slots.")


class TopologyPodRead(Body):
    """Domains within one network hop. Its id is opaque; its name numbers it within this answer."""

    model_config = ConfigDict(title="topologyPod")

    id: str
    name: str | None = None
    domains: list[TopologyDomainRead] = Field(description="In the order of their positions.")


class TopologyUnitRead(Body):
    """A unit of a reservation. It is occupied if a placement has one of its hosts."""

    model_config = ConfigDict(title="topologyReservationUnit")

    infrastructure_refs: list[str]
    occupied: bool


class ReservationOverlayRead(ReservationRead):
    """A reservation. Its entity tag, in quotes, is the ``If-Match`` of a release of units."""

    model_config = ConfigDict(title="topologyReservation")

    topology_entity_tag: str | None = None
    units: dict[str, TopologyUnitRead] | None = Field(
        None, description="By unit id. Absent if the hardware cannot be read."
    )


class TopologyOverlaysRead(Body):
    """What the organization has, as far as the caller may read it; by id."""

    model_config = ConfigDict(title="topologyOverlays")

    reservations: dict[str, ReservationOverlayRead]
    placements: dict[str, PlacementRead]


class TopologyReservationUnitRead(Body):
    """What a projection is of."""

    model_config = ConfigDict(title="topologyReservationUnitType")

    accelerator: str
    unit: str
    machine_flavor_id: str
    device_type_resource_class: str
    hosts_per_unit: int = Field(ge=1)


class TopologyProjectionRead(Body):
    """The pods of what is sold under one name, and what the organization has there."""

    model_config = ConfigDict(title="topologyProjection")

    reservation_unit: TopologyReservationUnitRead
    topology: list[TopologyPodRead]
    overlays: TopologyOverlaysRead


class TopologyRegionRead(Body):
    """A region as an organization sees it."""

    model_config = ConfigDict(title="topologyRegion")

    region_id: str
    projections: list[TopologyProjectionRead]


def region_view(region: RegionTopology, *, servers: bool) -> dict[str, Any]:
    """A region as JSON, with or without servers."""
    return {
        "regionId": region.region_id,
        "projections": [_projection_view(projection, servers=servers) for projection in region.projections],
    }


def _projection_view(projection: Projection, *, servers: bool) -> dict[str, Any]:
    return {
        "reservationUnit": {
            "accelerator": projection.accelerator,
            "unit": projection.unit,
            "machineFlavorId": projection.flavor_id,
            "deviceTypeResourceClass": projection.device_type_resource_class,
            "hostsPerUnit": projection.hosts_per_unit,
        },
        "topology": [
            {
                "id": pod.id,
                "name": f"pod-{number}",
                "domains": [_domain_view(domain, servers=servers) for domain in pod.domains],
            }
            for number, pod in enumerate(projection.pods, 1)
        ],
        "overlays": {
            "reservations": {
                overlay.observed.id: _reservation_view(overlay) for overlay in projection.reservations
            },
            "placements": {placement.id: placement_view(placement) for placement in projection.placements},
        },
    }


def _domain_view(domain: DomainNode, *, servers: bool) -> dict[str, Any]:
    named = {} if domain.name is None else {"name": domain.name}
    return {
        "id": domain.id,
        **named,
        "hosts": [_host_view(host, servers=servers) for host in domain.hosts],
    }


def _host_view(host: HostNode, *, servers: bool) -> dict[str, Any]:
    view: dict[str, Any] = {"infrastructureRef": host.id, "reserved": host.reserved}
    if host.reservation_id is not None:
        view |= {"reservationRef": host.reservation_id, "reservationUnitRef": host.unit_id}
    if host.placement_id is not None:
        view["placementRef"] = host.placement_id
    if servers and host.server is not None:
        view["server"] = server_view(host.server)
    return view


def _reservation_view(overlay: ReservationOverlay) -> dict[str, Any]:
    view = reservation_view(overlay.observed)
    if overlay.observed.topology_hash is not None:
        view["topologyEntityTag"] = overlay.observed.topology_hash
    if overlay.units is not None:
        view["units"] = {
            unit.id: {"infrastructureRefs": list(unit.host_ids), "occupied": unit.occupied}
            for unit in overlay.units
        }
    return view

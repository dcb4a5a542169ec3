"""The topology of an organization as values, ready to be shown.

Pods and domains have opaque ids. What a caller may not read is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.placements.observation import ObservedPlacement
    from gpu_capacity.placements.servers import PlacementServer
    from gpu_capacity.reservations.observation import Observed


@dataclass(frozen=True, slots=True)
class TopologyFilter:
    """Which part of the topology to show; None for no restriction.

    ``region_id``, ``accelerator`` and ``unit`` narrow everything, ``project_id`` and ``reservation_id`` only
    what is shown of reservations and placements.
    """

    region_id: str | None = None
    accelerator: str | None = None
    unit: str | None = None
    project_id: str | None = None
    reservation_id: str | None = None

    def admits(self, region_id: str, accelerator: str, unit: str) -> bool:
        """Whether what is sold there under these names is shown."""
        return all(
            wanted is None or wanted == found
            for wanted, found in (
                (self.region_id, region_id),
                (self.accelerator, accelerator),
                (self.unit, unit),
            )
        )

    def shows(self, project_id: str, reservation_id: str) -> bool:
        """Whether a reservation, or a placement on it, is laid over the tree."""
        return self.project_id in (None, project_id) and self.reservation_id in (None, reservation_id)


@dataclass(frozen=True, slots=True)
class HostNode:
    """A host. ``reserved``: someone owns it, or a part of it.

    ``reservation_id`` and ``unit_id`` are those of a shown reservation, ``placement_id`` and ``server`` are
    those of a shown placement; None without one. There is no ``server`` if the provider does not answer.
    """

    id: str
    reserved: bool
    reservation_id: str | None = None
    unit_id: str | None = None
    placement_id: str | None = None
    server: PlacementServer | None = None


@dataclass(frozen=True, slots=True)
class DomainNode:
    """A domain with its hosts in the order of their slots. ``name`` is None if it would show its id."""

    id: str
    name: str | None
    hosts: tuple[HostNode, ...]


@dataclass(frozen=True, slots=True)
class PodNode:
    """A pod with its domains in the order of their positions."""

    id: str
    domains: tuple[DomainNode, ...]


@dataclass(frozen=True, slots=True)
class UnitNode:
    """A unit of a reservation: its hosts in the order of their slots, and whether a placement has any."""

    id: str
    host_ids: tuple[str, ...]
    occupied: bool


@dataclass(frozen=True, slots=True)
class ReservationOverlay:
    """A reservation, and its units in position order; None if its hardware cannot be read."""

    observed: Observed
    units: tuple[UnitNode, ...] | None


@dataclass(frozen=True, slots=True)
class Projection:
    """What is sold under one name in a region, and who has what of it."""

    accelerator: str
    unit: str
    flavor_id: str
    device_type_resource_class: str
    hosts_per_unit: int
    pods: tuple[PodNode, ...]
    reservations: tuple[ReservationOverlay, ...]
    placements: tuple[ObservedPlacement, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionTopology:
    """A region with its projections, by accelerator and unit."""

    region_id: str
    projections: tuple[Projection, ...]

"""Reservations with the present state of their hardware.

Health, topology hash and time of observation are computed for each read, from the present topology. So the
sync never writes records, and what it has written shows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gpu_capacity.holders.notices import EVERY_HOST, notices
from gpu_capacity.inventory.maintenances import hosts_of
from gpu_capacity.inventory.model import HostState
from gpu_capacity.inventory.units import (
    Health,
    hardware_digest,
    health_of,
    health_of_shapes,
    shows_quarantines,
    topology_hash,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.holders.notices import Needs, Notice, Place
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.cordons import Cordon
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.inventory.model import Domain, Flavor, Host, Pod, PodShape, Region
    from gpu_capacity.reservations.record import Reservation

AnyDomain_co = TypeVar("AnyDomain_co", covariant=True)


class HasDomains(Protocol[AnyDomain_co]):
    """A pod, or its shape."""

    def between(self, start: int, count: int) -> tuple[AnyDomain_co, ...]:
        """The existing domains at positions ``start`` to ``start + count - 1``."""


NO_QUARANTINES: Final[Mapping[str, Cordon]] = {}


@dataclass(frozen=True, slots=True)
class ImpairedHost:
    """A host that is not in service. ``quarantine`` is the reason of its quarantine, if it is in one."""

    host: Host
    quarantine: str | None = None

    @property
    def id(self) -> str:
        """The id of the host."""
        return self.host.id


@dataclass(frozen=True, slots=True)
class Observed:
    """A reservation as the API shows it. ``observed_at`` is in seconds since the epoch.

    ``flavor`` is the hardware of its hosts, None if the region does not have the flavor any more.
    ``impaired`` has the hosts that are not in service, and ``unlisted`` is the number of hosts that the
    inventory does not have at all. Both are empty while every host is in service. ``notices`` has the
    maintenances that are about some of its hosts.
    """

    reservation: Reservation
    health: Health
    topology_hash: str | None
    observed_at: int | None
    flavor: Flavor | None = None
    impaired: tuple[ImpairedHost, ...] = ()
    unlisted: int = 0
    notices: tuple[Notice, ...] = ()

    @property
    def id(self) -> str:
        """The id of the reservation."""
        return self.reservation.id

    @property
    def organization_id(self) -> str:
        """The organization of the reservation."""
        return self.reservation.organization_id


def observe(
    reservation: Reservation,
    pod: Pod | None,
    region: Region | None,
    quarantines: Mapping[str, Cordon] = NO_QUARANTINES,
) -> Observed:
    """A reservation with the state of its hardware; unknown if it owns nothing or the pod is missing.

    Args:
        reservation: the record.
        pod: its pod as read; None if the topology does not have it.
        region: its region as read; None if there is none. It has the time of the fleet document.
        quarantines: hosts in quarantine, by id.
    """
    flavor = flavor_of(reservation, region)
    if pod is None or not reservation.runs:
        return Observed(reservation, Health.UNKNOWN, reservation.topology_hash, None, flavor)
    domains = domains_of(reservation, pod)
    return Observed(
        reservation=reservation,
        health=health_of(domains, reservation.hosts_expected, quarantines.keys()),
        topology_hash=hash_of(reservation, pod),
        observed_at=region.observed_at if region else None,
        flavor=flavor,
        impaired=_impaired(domains, quarantines),
        unlisted=max(0, reservation.hosts_expected - sum(len(domain.hosts) for domain in domains)),
    )


def observe_all(services: Needs, reservations: Sequence[Reservation]) -> list[Observed]:
    """Several reservations with the state of their hardware, from one batch of small reads.

    The full topology is read only for reservations with hosts that are not in service, for those whose
    hardware was replaced or extended since they were accepted, and for pods that an earlier version wrote;
    quarantines only if hosts are in one.
    """
    placed = [(r, r.pod_id) for r in reservations if r.pod_id is not None]
    shapes: Mapping[tuple[str, str], PodShape] = {}
    regions: Mapping[str, Region] = {}
    if reservations:
        shapes, regions = services.inventory.observed(
            ((r.region_id, r.flavor_id, pod_id) for r, pod_id in placed), {r.region_id for r in reservations}
        )
    by_shape = {
        r.id: _by_shape(r, shapes.get((r.region_id, pod_id)), regions.get(r.region_id))
        for r, pod_id in placed
    }
    pairs = {(r.region_id, pod_id) for r, pod_id in placed if not _is_all(by_shape[r.id])}
    versions = {pair: shapes[pair].version if pair in shapes else None for pair in pairs}
    pods = services.inventory.pods_in(versions) if versions else {}
    hidden = {
        r.region_id
        for r, pod_id in placed
        if (pod := pods.get((r.region_id, pod_id))) and _shows_quarantines(r, pod, shapes)
    }
    quarantines = services.inventory.quarantines(hidden) if hidden else {}
    maintained = {r.id for r, pod_id in placed if _is_maintained(shapes.get((r.region_id, pod_id)))}
    observed = [
        _observed(r, by_shape.get(r.id), pods, regions.get(r.region_id), quarantines) for r in reservations
    ]
    return _noticed(services, observed, maintained) if maintained else observed


def _noticed(services: Needs, observed: Sequence[Observed], maintained: set[str]) -> list[Observed]:
    """Reservations with the maintenances of those of these ids."""
    places = [_places(one.reservation) if one.id in maintained else [] for one in observed]
    found = notices(services, places)
    return [replace(one, notices=noticed) for one, noticed in zip(observed, found, strict=True)]


def noticed_by(services: HasInventory, maintenance: Maintenance, reservation: Reservation) -> bool:
    """Whether a maintenance is about hosts of a reservation, as the inventory has them now."""
    if reservation.pod_id is None or reservation.region_id != maintenance.region_id:
        return False
    pair = (reservation.region_id, reservation.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    positions = set(reservation.positions)
    return pod is not None and any(
        position in positions for position, _ in hosts_of(maintenance.targets, pod)
    )


def _is_maintained(shape: PodShape | None) -> bool:
    return shape is not None and shape.maintained


def _places(reservation: Reservation) -> list[Place]:
    """All hosts of the units that it owns."""
    pod_id = reservation.pod_id or ""
    return [(reservation.region_id, pod_id, p, EVERY_HOST) for p in reservation.positions]


def _observed(
    reservation: Reservation,
    by_shape: Observed | None,
    pods: Mapping[tuple[str, str], Pod],
    region: Region | None,
    quarantines: Mapping[str, Cordon],
) -> Observed:
    """What the shape shows, if that is all or nothing else can be read; else what the topology shows."""
    pod = pods.get((reservation.region_id, reservation.pod_id)) if reservation.pod_id else None
    if by_shape is not None and (pod is None or _is_all(by_shape)):
        return by_shape
    return observe(reservation, pod, region, quarantines)


def _shows_quarantines(
    reservation: Reservation, pod: Pod, shapes: Mapping[tuple[str, str], PodShape]
) -> bool:
    shape = shapes.get((pod.region_id, pod.id))
    return shape is None or shows_quarantines(domains_of(reservation, shape), domains_of(reservation, pod))


def _is_all(by_shape: Observed | None) -> bool:
    """Whether a shape shows all there is to know: it does not name the hosts that are not in service."""
    return by_shape is not None and by_shape.health is Health.HEALTHY


def flavor_of(reservation: Reservation, region: Region | None) -> Flavor | None:
    """The hardware of a reservation's hosts; None if the region does not have the flavor any more."""
    return region.flavor(reservation.flavor_id) if region else None


def domains_of(reservation: Reservation, pod: HasDomains[AnyDomain_co]) -> tuple[AnyDomain_co, ...]:
    """The domains that a reservation owns, as its pod has them now, in position order."""
    places = (run.placement for run in reservation.runs)
    return tuple(domain for place in places for domain in pod.between(place.start, place.count))


def hash_of(reservation: Reservation, pod: Pod | None) -> str:
    """The topology hash of what a reservation owns, as its pod has it now; without a pod, of no units."""
    offering = (reservation.region_id, reservation.accelerator, reservation.unit)
    return topology_hash(offering, pod.id if pod else "", domains_of(reservation, pod) if pod else ())


def _impaired(domains: Sequence[Domain], quarantines: Mapping[str, Cordon]) -> tuple[ImpairedHost, ...]:
    return tuple(
        ImpairedHost(host, quarantines[host.id].reason if host.id in quarantines else None)
        for domain in domains
        for host in domain.hosts
        if host.state is not HostState.IN_SERVICE or host.id in quarantines
    )


def _by_shape(reservation: Reservation, shape: PodShape | None, region: Region | None) -> Observed | None:
    """A reservation with the state that follows from its pod's shape.

    None if the shape shows other hardware than the reservation was accepted with, or does not show it: then
    the topology hash has to be computed from the full topology.
    """
    domains = domains_of(reservation, shape) if shape is not None else ()
    if not domains or not all(domain.identity for domain in domains):
        return None
    if hardware_digest(domain.identity for domain in domains) != reservation.hardware:
        return None
    return Observed(
        reservation,
        health_of_shapes(domains, reservation.hosts_expected),
        reservation.topology_hash,
        region.observed_at if region else None,
        flavor_of(reservation, region),
    )

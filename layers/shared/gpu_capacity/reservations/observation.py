"""Reservations with the present state of their hardware.

Health, topology hash and time of observation are computed for each read, from the present topology. So the
sync never writes records, and what it has written shows at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.inventory.units import (
    Health,
    hardware_digest,
    health_of,
    health_of_shapes,
    topology_hash,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.model import Pod, PodShape
    from gpu_capacity.placement.model import Placement
    from gpu_capacity.reservations.record import Reservation


@dataclass(frozen=True, slots=True)
class Observed:
    """A reservation as the API shows it. ``observed_at`` is in seconds since the epoch."""

    reservation: Reservation
    health: Health
    topology_hash: str | None
    observed_at: int | None

    @property
    def id(self) -> str:
        """The id of the reservation."""
        return self.reservation.id

    @property
    def organization_id(self) -> str:
        """The organization of the reservation."""
        return self.reservation.organization_id


def observe(reservation: Reservation, pod: Pod | None, observed_at: int | None) -> Observed:
    """A reservation with the state of its hardware; unknown if it owns nothing or the pod is missing.

    Args:
        reservation: the record.
        pod: its pod as read; None if the topology does not have it.
        observed_at: the time of the fleet document that the topology is from, in epoch seconds.
    """
    placement = reservation.placement
    if placement is None:
        return Observed(reservation, Health.UNKNOWN, None, None)
    if pod is None:
        return Observed(reservation, Health.UNKNOWN, reservation.topology_hash, None)
    domains = pod.between(placement.start, placement.count)
    offering = (reservation.region_id, reservation.accelerator, reservation.unit)
    return Observed(
        reservation=reservation,
        health=health_of(domains, reservation.hosts_expected),
        topology_hash=topology_hash(offering, pod.id, domains),
        observed_at=observed_at,
    )


def observe_all(services: HasInventory, reservations: Sequence[Reservation]) -> list[Observed]:
    """Several reservations with the state of their hardware, from one batch of small reads.

    The full topology is read only for reservations whose hardware was replaced or extended since they were
    accepted, and for pods that an earlier version wrote.
    """
    placed = [(r, r.placement.pod_id) for r in reservations if r.placement is not None]
    shapes: Mapping[tuple[str, str], PodShape] = {}
    times: Mapping[str, int] = {}
    if placed:
        shapes, times = services.inventory.observed(
            (r.region_id, r.flavor_id, pod_id) for r, pod_id in placed
        )
    by_shape = {
        r.id: _by_shape(r, r.placement, shapes.get((r.region_id, pod_id)), times.get(r.region_id))
        for r, pod_id in placed
        if r.placement is not None
    }
    pairs = {(r.region_id, pod_id) for r, pod_id in placed if by_shape[r.id] is None}
    versions = {pair: shapes[pair].version if pair in shapes else None for pair in pairs}
    pods = services.inventory.pods_in(versions) if versions else {}
    return [
        by_shape.get(r.id)
        or observe(
            r,
            pods.get((r.region_id, r.placement.pod_id)) if r.placement is not None else None,
            times.get(r.region_id),
        )
        for r in reservations
    ]


def _by_shape(
    reservation: Reservation, placement: Placement, shape: PodShape | None, observed_at: int | None
) -> Observed | None:
    """A reservation with the state that follows from its pod's shape.

    None if the shape shows other hardware than the reservation was accepted with, or does not show it: then
    the topology hash has to be computed from the full topology.
    """
    domains = shape.between(placement.start, placement.count) if shape is not None else ()
    if not domains or not all(domain.identity for domain in domains):
        return None
    if hardware_digest(domain.identity for domain in domains) != reservation.hardware:
        return None
    health = health_of_shapes(domains, reservation.hosts_expected)
    return Observed(reservation, health, reservation.topology_hash, observed_at)

"""Says where a reservation would fit now, and what would make it fit elsewhere.

Every answer is a decision of the placement that a dry run of a create asks, on a strongly consistent
snapshot: for the hardware as it is, or as it will be without what is in quarantine or maintenance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.inventory.cordons import Cause
from gpu_capacity.inventory.snapshot import Snapshot
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Request
from gpu_capacity.reservations.record import UNITS_PER_RESERVATION_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasAnnouncements, HasFleet, HasInventory, HasQuotas
    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.model import Offering, Region
    from gpu_capacity.inventory.snapshot import UnitCounts
    from gpu_capacity.placement.model import Unplaceable

    class Needs(HasAnnouncements, HasFleet, HasInventory, HasQuotas, Protocol):
        """What the functions of this module work with."""


_SEED: Final = 0
"""Which run is chosen depends on the seed; whether there is one does not."""


class Obstacle(StrEnum):
    """Why units that would make a request fit are out of sale."""

    MAINTENANCE = "maintenance"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Remedy:
    """The request would fit once all of this is over.

    ``until`` is when the last of the maintenances ends as announced, in seconds since the epoch; None if a
    quarantine is among the obstacles, which ends when a host is repaired.
    """

    obstacles: tuple[Obstacle, ...]
    until: int | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What a request would get in a region.

    ``counts`` and ``largest`` are in units, and no more than the quota leaves. ``largest`` is the largest
    request that fits, 0 if none does. ``room`` is what the quota leaves; None if there is none. ``reason``
    is why the request has no place, whatever the quota says; None if it has one.
    """

    region: Region
    offering: Offering
    fits: bool
    counts: UnitCounts
    room: int | None
    reason: Unplaceable | None
    remedy: Remedy | None

    @property
    def largest(self) -> int:
        """The largest request that would succeed now."""
        return min(self.counts.largest_run, UNITS_PER_RESERVATION_MAX)


def advise(
    services: Needs,
    caller: Caller,
    organization_id: str,
    wanted: tuple[str, str, int],
    regions: frozenset[str] = frozenset(),
) -> list[Advice]:
    """What an organization would get in each region that offers a unit, the best first.

    Regions where the request fits come first, then those where the largest request fits.

    Args:
        services: collaborators.
        caller: who asks.
        organization_id: for whom.
        wanted: accelerator, unit, and how many.
        regions: where to look; empty for every region that the organization may see.

    Raises:
        Forbidden: the token may not read reservations, or is not of the organization.
        InvalidRequest: no such region offers the unit, or the count is out of range.
    """
    caller.require(Permission.READ_RESERVATIONS)
    caller.require_organization(organization_id)
    accelerator, unit, count = wanted
    if not 0 < count <= UNITS_PER_RESERVATION_MAX:
        raise InvalidRequest("query count", f"must be 1 to {UNITS_PER_RESERVATION_MAX}")
    visible = [r for r in services.inventory.regions() if r.is_visible_to(frozenset({organization_id}))]
    _check_regions(visible, regions)
    sites = [region for region in visible if not regions or region.id in regions]
    offered = [(r, o) for r in sites if (o := r.offering(accelerator, unit)) is not None]
    if not offered:
        raise _not_offered(sites)
    quota = services.quotas.read(organization_id, accelerator)
    room = quota.room if quota is not None else None
    found = [_advice(services, region, offering, count, room) for region, offering in offered]
    return sorted(found, key=lambda a: (not a.fits, -a.largest, -a.counts.available, a.region.id))


def _check_regions(visible: Sequence[Region], wanted: frozenset[str]) -> None:
    known = sorted(region.id for region in visible)
    if not wanted <= set(known):
        raise InvalidRequest("query regionID", f"no such region; there are {', '.join(known) or 'none'}")


def _not_offered(sites: Sequence[Region]) -> InvalidRequest:
    offered = sorted({f"{o.accelerator} {o.unit}" for region in sites for o in region.offered})
    problem = f"not offered in the regions, which have {', '.join(offered) or 'nothing'}"
    return InvalidRequest.of([("query accelerator", problem), ("query unit", problem)])


def _advice(services: Needs, region: Region, offering: Offering, count: int, room: int | None) -> Advice:
    snapshot = services.inventory.fresh_snapshot(region.id, offering.flavor.id)
    decision = place(snapshot.line, Request(count, _SEED))
    placed = isinstance(decision, Placement)
    return Advice(
        region=region,
        offering=offering,
        fits=placed and (room is None or count <= room),
        counts=snapshot.counts().within(room),
        room=room,
        reason=None if isinstance(decision, Placement) else decision,
        remedy=None if placed else _remedy(services, offering, snapshot, count),
    )


def _remedy(services: Needs, offering: Offering, snapshot: Snapshot, count: int) -> Remedy | None:
    """What has to be over for a request that has no place; None if that does not help.

    Maintenances alone are tried first, because they have an end.
    """
    cordons = services.fleet.cordons(offering.region_id)
    if not any(c.cause in (Cause.MAINTENANCE, Cause.QUARANTINE) for c in cordons.entries):
        return None
    pods = [p for p in services.inventory.pods_of(offering.region_id) if p.flavor_id == offering.flavor.id]
    for causes in ({Cause.MAINTENANCE}, {Cause.QUARANTINE}, {Cause.MAINTENANCE, Cause.QUARANTINE}):
        rest = replace(cordons, entries=tuple(c for c in cordons.entries if c.cause not in causes))
        if rest == cordons:
            continue
        later = Snapshot.of((shape_of(pod, offering, rest) for pod in pods), snapshot.ownership.values())
        if isinstance(place(later.line, Request(count, _SEED)), Placement):
            return Remedy(
                tuple(Obstacle(cause) for cause in sorted(causes)), _until(services, cordons, causes)
            )
    return None


def _until(services: Needs, cordons: Cordons, causes: set[Cause]) -> int | None:
    if Cause.QUARANTINE in causes:
        return None
    ends = [
        maintenance.end
        for maintenance in services.announcements.of([cordons.region_id])
        if maintenance.id in cordons.maintenance_ids
    ]
    return max(ends, default=None)

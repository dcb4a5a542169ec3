"""Placements with the present state of their servers, which the provider tells and nobody stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.inventory.units import Health
from gpu_capacity.placements.progress import counts_of
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.seating import seating_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.holders.notices import Notice
    from gpu_capacity.holders.roles import HasProvider, HasTelemetry
    from gpu_capacity.placements.progress import Counts
    from gpu_capacity.placements.record import Placement

    class Needs(HasProvider, HasTelemetry, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class ObservedPlacement:
    """A placement as the API shows it.

    ``counts`` is ``None`` if the servers have not been looked at: the provider did not answer, or the request
    has just changed what they are to be. ``notices`` has the maintenances that are about some of its hosts.
    """

    placement: Placement
    counts: Counts | None
    notices: tuple[Notice, ...] = ()

    @property
    def health(self) -> Health:
        """In a word how many servers are provisioned; unknown while none is and none is known to be lost."""
        counts = self.counts
        if counts is None:
            return Health.UNKNOWN
        if not counts.in_flight:
            return Health.HEALTHY
        if counts.in_flight < self.placement.count:
            return Health.DEGRADED
        lost = self.placement.status is PlacementStatus.PROVISIONED and self.placement.failure is not None
        return Health.ERROR if counts.stalled or lost else Health.UNKNOWN

    @property
    def id(self) -> str:
        """The id of the placement."""
        return self.placement.id

    @property
    def organization_id(self) -> str:
        """The organization of the placement."""
        return self.placement.organization_id


def observe(services: Needs, placement: Placement) -> ObservedPlacement:
    """A placement with the servers that the provider lists now."""
    return observe_all(services, [placement])[0]


def observe_all(services: Needs, placements: Sequence[Placement]) -> list[ObservedPlacement]:
    """Placements, in their order, with the servers that the provider lists now. It is asked once for all."""
    if not placements:
        return []
    try:
        listed = services.provider.servers_by_owner([placement.server_owner for placement in placements])
    except ProviderUnavailable as error:
        ids = [placement.id for placement in placements]
        services.telemetry.warning("servers not counted", placements=ids, reason=str(error))
        return [ObservedPlacement(placement, None) for placement in placements]
    return [
        ObservedPlacement(
            placement, counts_of(placement, seating_of(placement, listed[placement.server_owner]).servers)
        )
        for placement in placements
    ]

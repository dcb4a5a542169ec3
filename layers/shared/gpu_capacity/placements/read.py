"""Read placements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.notices import notices
from gpu_capacity.holders.visible import ProjectFilter, visible_holder, visible_holders
from gpu_capacity.holders.windows import EVERYTHING, Window
from gpu_capacity.placements.observation import observe, observe_all
from gpu_capacity.placements.record import Placement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.placements.observation import Needs as ObservationNeeds
    from gpu_capacity.placements.observation import ObservedPlacement
    from gpu_capacity.placements.roles import HasPlacements

    class Needs(ObservationNeeds, HasPlacements, NoticesNeeds, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class PlacementFilter(ProjectFilter[Placement]):
    """Which placements to list."""

    reservations: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()

    def admits(self, holder: Placement) -> bool:
        """Whether a placement matches. Ignores ``organizations``, which say where to look."""
        return (
            ProjectFilter.admits(self, holder)
            and (not self.reservations or holder.reservation_id in self.reservations)
            and (not self.networks or holder.network_id in self.networks)
        )


def list_placements(
    services: Needs, caller: Caller, wanted: PlacementFilter, window: Window = EVERYTHING
) -> list[ObservedPlacement]:
    """The matching placements that the caller may see, in the order of their ids.

    Args:
        services: collaborators.
        caller: who sends the request.
        wanted: which placements.
        window: which part of the list.

    Raises:
        Forbidden: the token may not read placements.
    """
    caller.require(Permission.READ_PLACEMENTS)
    found = visible_holders(services.placements, caller, wanted, window)
    return _noticed(services, observe_all(services, found))


def get_placement(
    services: Needs, caller: Caller, placement_id: str, organizations: frozenset[str]
) -> ObservedPlacement:
    """One placement.

    Args:
        services: collaborators.
        caller: who sends the request.
        placement_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.

    Raises:
        Forbidden: the token may not read placements.
        NotFound: the caller may see no placement of this id.
    """
    caller.require(Permission.READ_PLACEMENTS)
    found = visible_holder(services.placements, caller, placement_id, organizations)
    return _noticed(services, [observe(services, found)])[0]


def _noticed(services: Needs, observed: Sequence[ObservedPlacement]) -> list[ObservedPlacement]:
    """Placements with the maintenances that are about their hosts."""
    places = [
        [(one.placement.region_id, one.placement.pod_id, *hosts) for hosts in one.placement.hosts]
        for one in observed
    ]
    found = notices(services, places)
    return [replace(one, notices=noticed) for one, noticed in zip(observed, found, strict=True)]

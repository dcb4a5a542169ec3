"""Read placements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.visible import ProjectFilter, visible_holder, visible_holders
from gpu_capacity.holders.windows import EVERYTHING, Window
from gpu_capacity.placements.observation import observe
from gpu_capacity.placements.record import Placement

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.placements.observation import Needs as ObservationNeeds
    from gpu_capacity.placements.observation import ObservedPlacement
    from gpu_capacity.placements.roles import HasPlacements

    class Needs(ObservationNeeds, HasPlacements, Protocol):
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
    return [observe(services, placement) for placement in found]


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
    return observe(services, visible_holder(services.placements, caller, placement_id, organizations))

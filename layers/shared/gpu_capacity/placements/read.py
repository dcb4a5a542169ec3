"""Read placements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.windows import EVERYTHING, Window, entries_in
from gpu_capacity.placements.observation import observe

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.placements.observation import Needs as ObservationNeeds
    from gpu_capacity.placements.observation import ObservedPlacement
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements

    class Needs(ObservationNeeds, HasPlacements, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class PlacementFilter:
    """Which placements to list.

    A placement must match every field: one of the field's values, but all of ``tags``, which are written
    ``name=value``. An empty field matches everything.
    """

    organizations: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    reservations: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()

    def admits(self, placement: Placement) -> bool:
        """Whether a placement matches. Ignores ``organizations``, which say where to look."""
        wanted = (
            (self.projects, placement.project_id),
            (self.regions, placement.region_id),
            (self.reservations, placement.reservation_id),
            (self.networks, placement.network_id),
        )
        return all(not values or value in values for values, value in wanted) and placement.has_tags(
            self.tags
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
    found = entries_in(
        window,
        caller.organizations_to_search(wanted.organizations),
        services.placements.of_organization,
        lambda p: caller.may_see(p.organization_id, p.project_id) and wanted.admits(p),
    )
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
    return observe(services, visible_placement(services, caller, placement_id, organizations))


def visible_placement(
    services: HasPlacements, caller: Caller, placement_id: str, organizations: frozenset[str] = frozenset()
) -> Placement:
    """A record that the caller may see.

    Args:
        services: collaborators.
        caller: who sends the request.
        placement_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.

    Raises:
        NotFound: the caller may see no placement of this id.
    """
    return visible_holder(services.placements, caller, placement_id, organizations, "placement")

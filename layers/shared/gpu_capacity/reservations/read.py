"""Read reservations, and list offerings with their capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.visible import ProjectFilter, visible_holder, visible_holders
from gpu_capacity.holders.windows import EVERYTHING, Window
from gpu_capacity.reservations.observation import observe_all
from gpu_capacity.reservations.record import Reservation

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.holders.roles import HasInventory, HasQuotas
    from gpu_capacity.inventory.model import Offering
    from gpu_capacity.inventory.snapshot import UnitCounts
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(NoticesNeeds, HasReservations, Protocol):
        """What most functions of this module work with."""

    class NeedsQuotas(HasInventory, HasQuotas, Protocol):
        """What the list of what an organization can have works with."""


class ReservationFilter(ProjectFilter[Reservation]):
    """Which reservations to list."""


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Which offerings to list.

    An offering must match every field: one of the field's values. An empty field matches everything.
    """

    regions: frozenset[str] = frozenset()
    accelerators: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()

    def admits(self, offering: Offering) -> bool:
        """Whether an offering matches."""
        return (
            (not self.regions or offering.region_id in self.regions)
            and (not self.accelerators or offering.accelerator in self.accelerators)
            and (not self.units or offering.unit in self.units)
        )


def list_reservations(
    services: Needs, caller: Caller, wanted: ReservationFilter, window: Window = EVERYTHING
) -> list[Observed]:
    """The matching reservations that the caller may see, in the order of their ids.

    Operators also see reservations that are claiming.

    Args:
        services: collaborators.
        caller: who sends the request.
        wanted: which reservations.
        window: which part of the list.

    Raises:
        Forbidden: the token may not read reservations.
    """
    caller.require(Permission.READ_RESERVATIONS)
    found = visible_holders(services.reservations, caller, wanted, window, shown=not caller.is_operator)
    return observe_all(services, found)


def get_reservation(
    services: Needs, caller: Caller, reservation_id: str, organizations: frozenset[str]
) -> Observed:
    """One reservation. Operators also see one that is claiming.

    Args:
        services: collaborators.
        caller: who sends the request.
        reservation_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.

    Raises:
        Forbidden: the token may not read reservations.
        NotFound: the caller may see no reservation of this id.
    """
    caller.require(Permission.READ_RESERVATIONS)
    reservation = visible_holder(
        services.reservations, caller, reservation_id, organizations, shown=not caller.is_operator
    )
    return observe_all(services, [reservation])[0]


def list_reservation_units(
    services: HasInventory, caller: Caller, wanted: UnitFilter
) -> list[tuple[Offering, UnitCounts]]:
    """The matching offerings with their present capacity, by region, accelerator and unit.

    Raises:
        Forbidden: the token may not read reservations.
    """
    caller.require(Permission.READ_RESERVATIONS)
    return _offered(services, None if caller.is_operator else caller.organizations, wanted)


def list_organization_reservation_units(
    services: NeedsQuotas, caller: Caller, organization_id: str, wanted: UnitFilter
) -> list[tuple[Offering, UnitCounts]]:
    """The matching offerings with the capacity that an organization can have of them now.

    What its quotas leave is the most that is available to it.

    Raises:
        Forbidden: the token may not read reservations, or is not of the organization.
    """
    caller.require(Permission.READ_RESERVATIONS)
    caller.require_organization(organization_id)
    offered = _offered(services, frozenset({organization_id}), wanted)
    rooms = {quota.subject: quota.room for quota in services.quotas.limits(organization_id)}
    return [(offering, counts.within(rooms.get(offering.accelerator))) for offering, counts in offered]


def _offered(
    services: HasInventory, organizations: frozenset[str] | None, wanted: UnitFilter
) -> list[tuple[Offering, UnitCounts]]:
    """The matching offerings of the regions that one of the organizations may see; None for all regions."""
    offerings = [
        offering
        for region in services.inventory.regions()
        if organizations is None or region.is_visible_to(organizations)
        for offering in region.offered
        if wanted.admits(offering)
    ]
    return [
        (offering, services.inventory.fresh_snapshot(offering.region_id, offering.flavor.id).counts())
        for offering in offerings
    ]

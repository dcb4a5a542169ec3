"""Reading reservations, and what is on offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.ids import is_holder_id
from gpu_capacity.holders.windows import EVERYTHING, Window, entries_in
from gpu_capacity.reservations.observation import observe_all

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.model import Offering
    from gpu_capacity.inventory.snapshot import UnitCounts
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasInventory, HasReservations, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class ReservationFilter:
    """Values of one field mean OR, fields mean AND, tags mean AND; an empty field lets everything pass.

    ``tags`` are written ``name=value``.
    """

    organizations: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()

    def admits(self, reservation: Reservation) -> bool:
        """Whether a reservation is wanted. Organizations are where to look, and not asked here."""
        return (
            (not self.projects or reservation.project_id in self.projects)
            and (not self.regions or reservation.region_id in self.regions)
            and reservation.has_tags(self.tags)
        )


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Values of one field mean OR, fields mean AND; an empty field lets everything pass."""

    regions: frozenset[str] = frozenset()
    accelerators: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()

    def admits(self, offering: Offering) -> bool:
        """Whether an offering is wanted."""
        return (
            (not self.regions or offering.region_id in self.regions)
            and (not self.accelerators or offering.accelerator in self.accelerators)
            and (not self.units or offering.unit in self.units)
        )


def list_reservations(
    services: Needs, caller: Caller, wanted: ReservationFilter, window: Window = EVERYTHING
) -> list[Observed]:
    """What the caller may see of what it asks for, in id order, as far as the window goes.

    An operator is shown what is claiming as well.

    Raises:
        Forbidden: the token does not allow reading at all.
    """
    caller.require(Permission.READ_RESERVATIONS)
    found = entries_in(
        window,
        caller.organizations_to_search(wanted.organizations),
        services.reservations.every if caller.is_operator else services.reservations.of_organization,
        lambda r: caller.may_see(r.organization_id, r.project_id) and wanted.admits(r),
    )
    return observe_all(services, found)


def get_reservation(
    services: Needs, caller: Caller, reservation_id: str, organizations: frozenset[str]
) -> Observed:
    """One reservation. ``organizations`` narrows where to look, and lets an operator look anywhere.

    An operator is shown one that is claiming as well.

    Raises:
        Forbidden: the token does not allow reading at all.
        NotFound: absent, or not for this caller.
    """
    caller.require(Permission.READ_RESERVATIONS)
    reservation = visible_reservation(
        services, caller, reservation_id, organizations, shown=not caller.is_operator
    )
    return observe_all(services, [reservation])[0]


def visible_reservation(
    services: Needs,
    caller: Caller,
    reservation_id: str,
    organizations: frozenset[str],
    *,
    shown: bool = True,
) -> Reservation:
    """The record under an id, as far as the caller can tell that it exists.

    Without ``shown`` also one that is claiming.

    Raises:
        NotFound: absent, or not for this caller.
    """
    reservation = None
    if is_holder_id(reservation_id):
        reservation = services.reservations.get_in(
            caller.organizations_to_search(organizations), reservation_id, shown=shown
        )
    if reservation is None or not caller.may_see(reservation.organization_id, reservation.project_id):
        raise NotFound("the reservation does not exist")
    return reservation


def list_reservation_units(
    services: Needs, caller: Caller, wanted: UnitFilter
) -> list[tuple[Offering, UnitCounts]]:
    """Offerings with their capacity as it is now, by region, accelerator and unit.

    Raises:
        Forbidden: the token does not allow reading at all.
    """
    caller.require(Permission.READ_RESERVATIONS)
    offerings = [
        offering
        for region in services.inventory.regions()
        if caller.is_operator or region.is_visible_to(caller.organizations)
        for offering in region.offered
        if wanted.admits(offering)
    ]
    return [
        (offering, services.inventory.fresh_snapshot(offering.region_id, offering.flavor.id).counts())
        for offering in offerings
    ]

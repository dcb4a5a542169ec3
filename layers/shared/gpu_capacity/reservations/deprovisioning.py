"""The workflow that gives back what a deleted reservation has, or units that its customer has released.

The order ensures that no hardware is sold with something of an earlier holder on it: the placements and their
servers go first, then the provider is fenced and releases the hosts, and only when it lists none of them the
bookings end and the record goes. Nothing here has an undo: a teardown is never turned back, only repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.holders.advance import demand_change
from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations.holds import release_all
from gpu_capacity.reservations.record import Status, execution_name
from gpu_capacity.reservations.releasing import give_back, refund, release_leaving

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasWorkflows
    from gpu_capacity.reservations.provisioning import Needs as ProvisioningNeeds
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasDependants

    class Needs(ProvisioningNeeds, HasDependants, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "workflow:deprovision"


def release_reservation(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Do what a reservation needs next that is deleted, or whose customer has released units.

    Returns:
        An outcome of ``Step``.

    Raises:
        StorageUnavailable: the outcome is unknown, or the quota's count is less than the record's.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None:
        return Step.DONE.outcome
    if reservation.is_releasing:
        return release_leaving(services, organization_id, reservation_id).outcome
    if reservation.status is not Status.DEPROVISIONING:
        return Step.SUPERSEDED.outcome
    if not services.dependants.release(reservation):
        return Step.WAITING.outcome
    name = execution_name("provision", reservation, reservation.provision_attempt)
    services.workflows.stop("provision", name, "the reservation is being deleted")
    released = release_all(services, reservation)
    if released is Step.DONE:
        released = complete_deprovisioning(services, reservation)
    return released.outcome


def complete_deprovisioning(services: Needs, reservation: Reservation) -> Step:
    """Release the capacity of a deleted reservation, and remove the record. Its provider must list no hold.

    Returns:
        ``done``, or ``waiting`` after a lost race.

    Raises:
        StorageUnavailable: the outcome is unknown, or the quota's count is less than the record's.
    """
    # Before the record is removed: only the record says what has to be released.
    give_back(services, reservation)
    back = refund(services, reservation)
    refused = services.reservations.remove(reservation, services.clock.now(), *back)
    # The capacity is free now, whether or not this write has removed the record.
    services.events.freed(reservation.region_id)
    if refused is None:
        services.telemetry.count("ReservationsRemoved")
        services.telemetry.audit(
            ACTOR,
            "complete_deprovisioning",
            reservation.id,
            "gone",
            organization=reservation.organization_id,
        )
        return Step.DONE
    # Somebody else has removed the record, or changed it since it was read.
    found = services.reservations.get(reservation.organization_id, reservation.id)
    demand_change(found, reservation, refused)
    return Step.DONE if found is None else Step.WAITING

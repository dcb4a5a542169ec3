"""Deleting a reservation: the record is marked, the workflow does the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.reservation import Status
from gpu_capacity.services.read_reservations import visible_reservation
from gpu_capacity.services.workflows import start_workflow

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.services.context import Services


def delete_reservation(
    services: Services, caller: Caller, reservation_id: str, organizations: frozenset[str]
) -> None:
    """Begin to tear down. Repeated while that goes on, it changes and starts nothing.

    Raises:
        Forbidden: the token does not allow deleting.
        NotFound: absent, or not for this caller.
    """
    caller.require(Permission.DELETE_RESERVATIONS)
    reservation = visible_reservation(services, caller, reservation_id, organizations)
    if reservation.status is Status.DEPROVISIONING:
        return
    if not services.reservations.mark_deleted(reservation, services.clock.now()):
        # Somebody else deleted it in between: either it is still on its way out, or it is gone.
        if services.reservations.get(reservation.organization_id, reservation.id) is None:
            raise NotFound("the reservation does not exist")
        return
    services.telemetry.count("ReservationsDeleted")
    services.telemetry.audit(
        caller.subject,
        "delete_reservation",
        reservation.id,
        "accepted",
        organization=reservation.organization_id,
    )
    start_workflow(services, replace(reservation, status=Status.DEPROVISIONING, attempt=0))

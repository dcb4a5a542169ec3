"""Delete a reservation: mark the record, and let the workflow do the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.advance import advance
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasClock, HasInventory, HasPause, HasTelemetry, HasWorkflows
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasClock, HasInventory, HasPause, HasReservations, HasTelemetry, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def delete_reservation(
    services: Needs,
    caller: Caller,
    reservation_id: str,
    organizations: frozenset[str],
    removal: str | None = None,
) -> None:
    """Mark a reservation as deprovisioning, and start its teardown. A repeat does neither.

    Args:
        services: collaborators.
        caller: who sends the request.
        reservation_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.
        removal: the reason of an operator.

    Raises:
        Forbidden: the token may not delete reservations.
        NotFound: the caller may see no reservation of this id.
    """
    caller.require(Permission.DELETE_RESERVATIONS)
    reservation = visible_holder(services.reservations, caller, reservation_id, organizations)
    if reservation.status is Status.DEPROVISIONING:
        return
    key = (reservation.organization_id, reservation.id)
    deleted = advance(
        services.reservations, key, lambda r: _deleted(r, services.clock.now(), removal), services.pause
    )
    if deleted is None:
        # Another request deleted it meanwhile: it is being torn down, or gone already.
        if services.reservations.get(*key) is None:
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
    start_workflow(services, deleted)


def _deleted(reservation: Reservation, now: int, removal: str | None) -> Reservation | None:
    """The reservation marked as deprovisioning; None if it is already.

    The new revision refuses any write that a provisioning step has decided before. The attempts of the new
    workflow are numbered from 0. The number of the last provisioning execution is kept, because that
    execution has to be stopped.
    """
    if reservation.status is Status.DEPROVISIONING:
        return None
    return replace(
        reservation,
        status=Status.DEPROVISIONING,
        deleted_at=now,
        removal=removal,
        unsettled_since=now,
        provision_attempt=reservation.attempt,
        attempt=0,
    )

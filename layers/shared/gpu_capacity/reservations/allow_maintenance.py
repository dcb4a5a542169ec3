"""Let a maintenance begin on the hosts of a reservation: its owner's word, which nobody else can give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound, RaceLost, StateConflict
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.inventory.maintenances import Permit
from gpu_capacity.reservations.observation import noticed_by, observe_all
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.holders.roles import HasClock, HasMaintenances, HasPause, HasTelemetry
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(NoticesNeeds, HasClock, HasMaintenances, HasPause, HasReservations, HasTelemetry, Protocol):
        """What the functions of this module work with."""


_ATTEMPTS_MAX: Final = 8


def allow_maintenance(
    services: Needs, caller: Caller, reservation_id: str, maintenance_id: str, organizations: frozenset[str]
) -> Observed:
    """Let a maintenance begin on the reservation's hosts, also before its window. A repeat does nothing.

    Servers on them are stopped then, and started again at its end.

    Args:
        services: collaborators.
        caller: who sends the request.
        reservation_id: as sent by the client.
        maintenance_id: as sent by the client.
        organizations: where to look; empty for all of the caller's.

    Raises:
        Forbidden: the token may not give up hosts of reservations.
        NotFound: the caller has no reservation of this id, or the maintenance is about none of its hosts.
        StateConflict: the reservation is not provisioned, or the maintenance is ending.
        RaceLost: others changed the maintenance in every attempt.
    """
    caller.require(Permission.DELETE_RESERVATIONS)
    reservation = visible_holder(services.reservations, caller, reservation_id, organizations, own=True)
    if reservation.status is not Status.PROVISIONED:
        raise StateConflict(f"the reservation is {reservation.status.value}")
    for attempt in range(_ATTEMPTS_MAX):
        maintenance = services.maintenances.get(maintenance_id)
        if maintenance is None or not noticed_by(services, maintenance, reservation):
            raise NotFound("the reservation has no such maintenance")
        owner = (reservation.organization_id, reservation.id, reservation.life)
        if maintenance.permit_of(*owner) is not None:
            break
        if not maintenance.is_active:
            raise StateConflict(f"the maintenance is {maintenance.status.value}")
        permit = Permit(*owner, services.clock.now(), caller.subject)
        written = services.maintenances.change(maintenance, maintenance.permitted(permit))
        if written is not None:
            services.telemetry.audit(
                caller.subject,
                "allow_maintenance",
                maintenance_id,
                "allowed",
                organization=reservation.organization_id,
                reservation=reservation.id,
            )
            break
        services.pause(attempt)
    else:
        raise RaceLost("the maintenance changed every time")
    services.announcements.forget(reservation.region_id)
    return observe_all(services, [reservation])[0]

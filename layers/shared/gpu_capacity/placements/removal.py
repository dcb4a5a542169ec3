"""The end of a placement: its servers go, then its record, and its hosts are given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.holders.advance import demand_change
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.holders.quota_store import uncount
from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.writing import audit
from gpu_capacity.providers.port import ServerState

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import HasClock, HasLimits, HasProvider, HasTelemetry
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasClock, HasLimits, HasPlacements, HasProvider, HasReservations, HasTelemetry, Protocol):
        """What the functions of this module work with."""


_RESERVATION: Final = "reservation"


def tear_down(services: Needs, placement: Placement) -> Step:
    """Remove the servers, former ones included, and the record once the provider lists none."""
    services.provider.fence(placement.server_owner)
    servers = services.provider.servers(placement.server_owner)
    if not servers:
        return _remove(services, placement)
    staying = [server.host_id for server in servers if server.state is not ServerState.DELETING]
    if staying:
        services.provider.undeploy(placement.server_owner, staying)
    begun = placement.deleted_at or placement.created_at
    late = services.clock.now() >= begun + services.limits.teardown_seconds_max
    return Step.UNFINISHED if late else Step.WAITING


def _remove(services: Needs, placement: Placement) -> Step:
    """Give the hosts back to the reservation and remove the record, in one transaction."""
    place = (placement.organization_id, placement.reservation_id)
    beside: list[Action] = []
    if placement.counted:
        table = services.placements.table
        beside.append(uncount(table, placement.organization_id, PLACEMENT_SERVERS, placement.count))
    reservation = services.reservations.get(*place)
    same = reservation is not None and reservation.life == placement.reservation_life
    if reservation is not None and same and placement.id in reservation.occupied:
        after = reservation.without_placement(placement.id)
        beside.append(services.reservations.change_beside(reservation, after, _RESERVATION))
    refused = services.placements.remove(placement, services.clock.now(), *beside)
    if refused is None:
        services.telemetry.count("PlacementsRemoved")
        audit(services, placement, "complete_teardown", "gone")
        return Step.DONE
    found = services.placements.get(placement.organization_id, placement.id)
    if _RESERVATION not in refused.items:
        demand_change(found, placement, refused)
    return Step.DONE if found is None else Step.AGAIN

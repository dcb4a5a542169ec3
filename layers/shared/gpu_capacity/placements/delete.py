"""Delete a placement: mark the record, and let the workflow do the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.advance import advance
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.placements.record import Placement, PlacementStatus

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.holders.roles import HasClock, HasPause, HasTelemetry, HasWorkflows
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.placements.store import PlacementStore
    from gpu_capacity.ports import Clock, Pause, Telemetry, Workflows
    from gpu_capacity.reservations.record import Reservation

    class Needs(HasClock, HasPause, HasPlacements, HasTelemetry, HasWorkflows, Protocol):
        """What the functions of this module work with."""


_DELETE_SECONDS: Final = 5
"""No placement is begun with less: a read, a write and the start of a workflow, with their retries."""


def delete_placement(
    services: Needs,
    caller: Caller,
    placement_id: str,
    organizations: frozenset[str],
    removal: str | None = None,
) -> None:
    """Mark a placement as deprovisioning, and start its teardown. A repeat does neither.

    Args:
        services: collaborators.
        caller: who sends the request.
        placement_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.
        removal: the reason of an operator.

    Raises:
        Forbidden: the token may not delete placements.
        NotFound: the caller may see no placement of this id.
    """
    caller.require(Permission.DELETE_PLACEMENTS)
    placement = visible_holder(services.placements, caller, placement_id, organizations)
    if placement.status is PlacementStatus.DEPROVISIONING:
        return
    if not _delete(services, placement.organization_id, placement.id, caller.subject, removal):
        # Another request deleted it meanwhile: it is being torn down, or gone already.
        if services.placements.get(placement.organization_id, placement.id) is None:
            raise NotFound("the placement does not exist")
        return
    services.telemetry.count("PlacementsDeleted")


@dataclass(frozen=True, slots=True)
class PlacementsOfReservations:
    """Deletes the placements of a reservation for its teardown, which knows no placements."""

    placements: PlacementStore
    workflows: Workflows
    telemetry: Telemetry
    clock: Clock
    pause: Pause
    deadline: Deadline

    def release(self, reservation: Reservation) -> bool:
        """Begin to delete every placement that has hosts of a reservation. True once none has any.

        Repeated, it only reads. The workflows of the placements give the hosts back. A reservation may have
        thousands: those for which there is no time are left to the next call.
        """
        for placement_id in reservation.occupied:
            if self.deadline.remaining_seconds() < _DELETE_SECONDS:
                break
            _delete(
                self,
                reservation.organization_id,
                placement_id,
                "workflow:deprovision",
                reservation.removal,
            )
        return not reservation.occupied


def _delete(
    services: Needs, organization_id: str, placement_id: str, actor: str, removal: str | None
) -> bool:
    """Mark a placement as deprovisioning, and start its teardown. False if it was already, or is gone."""
    key = (organization_id, placement_id)
    deleted = advance(
        services.placements, key, lambda p: _deleted(p, services.clock.now(), removal), services.pause
    )
    if deleted is None:
        return False
    services.telemetry.audit(
        actor, "delete_placement", placement_id, "accepted", organization=organization_id
    )
    start_workflow(services, deleted)
    return True


def _deleted(placement: Placement, now: int, removal: str | None) -> Placement | None:
    """The placement marked as deprovisioning; ``None`` if it is already.

    The new revision refuses any write that a step of the workflow has decided before.
    """
    if placement.status is PlacementStatus.DEPROVISIONING:
        return None
    return replace(
        placement,
        status=PlacementStatus.DEPROVISIONING,
        deleted_at=now,
        removal=removal,
        unsettled_since=now,
        attempt=placement.attempt + 1,
    )

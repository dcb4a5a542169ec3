"""Workflow steps that delete servers, for the undo of provisioning and for deletion. Each is idempotent.

Their order ensures that no hardware is sold with a server of an earlier holder on it: fence the provider,
stop the provisioning, delete servers unit by unit, sweep until the provider lists none, and only then
release. No step has an undo: a teardown is never turned back, only repeated from any step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.holders.advance import demand_change
from gpu_capacity.providers.port import HoldState
from gpu_capacity.reservations.provisioning import SUPERSEDED, owned_domain
from gpu_capacity.reservations.record import Status, execution_name
from gpu_capacity.reservations.releasing import give_back, refund, release_leaving

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasWorkflows
    from gpu_capacity.reservations.provisioning import Needs as ProvisioningNeeds
    from gpu_capacity.reservations.record import Reservation

    class Needs(ProvisioningNeeds, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ACTOR = "workflow:deprovision"


def begin_deprovisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Fence the provider and stop the provisioning.

    Returns:
        ``proceed`` with the positions of the units, or ``superseded``.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is not None and reservation.is_releasing:
        return {"outcome": "proceed", "units": []}
    if reservation is None or reservation.status is not Status.DEPROVISIONING:
        return SUPERSEDED
    services.provider.fence(reservation.server_owner)
    name = execution_name("provision", reservation, reservation.provision_attempt)
    services.workflows.stop("provision", name, "the reservation is being deleted")
    return {"outcome": "proceed", "units": list(reservation.positions)}


def delete_unit_servers(
    services: Needs, organization_id: str, reservation_id: str, position: int
) -> dict[str, Any]:
    """Begin to delete the servers of one owned domain.

    Returns:
        ``deleting`` or ``superseded``.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_going_away(reservation):
        return SUPERSEDED
    domain = owned_domain(services, reservation, position)
    if domain is not None:
        services.provider.release(reservation.server_owner, [host.id for host in domain.hosts])
    return {"outcome": "deleting"}


def sweep_servers(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Begin to delete all servers that are left.

    Asks the provider and not the topology, so a server on a host that was replaced since is found as well.

    Returns:
        ``clear`` if there are none; ``waiting``; ``overdue`` with a message; or ``superseded``.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is not None and reservation.is_releasing:
        return release_leaving(services, organization_id, reservation_id)
    if reservation is None or not _is_going_away(reservation):
        return SUPERSEDED
    services.provider.fence(reservation.server_owner)
    servers = services.provider.held(reservation.server_owner)
    if not servers:
        return {"outcome": "clear"}
    services.provider.release(
        reservation.server_owner, [s.host_id for s in servers if s.state is not HoldState.RELEASING]
    )
    begun = reservation.deleted_at or reservation.deadline or reservation.created_at
    if services.clock.now() >= begun + services.limits.teardown_seconds_max:
        return {"outcome": "overdue", "message": f"{len(servers)} servers could not be deleted in time"}
    return {"outcome": "waiting"}


def complete_deprovisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Release the capacity, if no server is left on it, and remove the record.

    Returns:
        ``gone``; ``waiting`` while a server is left, or after a lost race; or ``superseded``.

    Raises:
        StorageUnavailable: the outcome is unknown, or the quota's count is less than the record's.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None:
        return {"outcome": "gone"}
    if reservation.status is not Status.DEPROVISIONING:
        return SUPERSEDED
    if services.provider.held(reservation.server_owner):
        return {"outcome": "waiting"}
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
        return {"outcome": "gone"}
    # A repeat of this step, or the record changed since it was read.
    found = services.reservations.get(organization_id, reservation_id)
    demand_change(found, reservation, refused)
    return {"outcome": "gone"} if found is None else {"outcome": "waiting"}


def _is_going_away(reservation: Reservation) -> bool:
    """Whether it is being torn down, or its provisioning is being undone."""
    return reservation.status is Status.DEPROVISIONING or (
        reservation.status is Status.PROVISIONING and reservation.failure is not None
    )

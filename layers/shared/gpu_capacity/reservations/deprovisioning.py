"""Steps that take servers away, shared by the undo of provisioning and by deletion. Each is idempotent.

The order is what keeps hardware from being sold with somebody's server on it: fence the provider, stop the
provisioning, delete unit by unit, sweep until the provider lists nothing, and only then release.
Nothing here has an undo: a teardown only ever goes on, from whatever step it is resumed at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.holders.advance import demand_change
from gpu_capacity.providers.port import ServerState
from gpu_capacity.reservations.claiming import give_back, refund
from gpu_capacity.reservations.provisioning import SUPERSEDED, owned_domain
from gpu_capacity.reservations.record import Status, execution_name

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasWorkflows
    from gpu_capacity.reservations.provisioning import Needs as ProvisioningNeeds
    from gpu_capacity.reservations.record import Reservation

    class Needs(ProvisioningNeeds, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ACTOR = "workflow:deprovision"


def begin_deprovisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Fence, stop the provisioning, and tell the units: ``proceed`` or ``superseded``."""
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or reservation.status is not Status.DEPROVISIONING:
        return SUPERSEDED
    services.provider.fence(reservation.server_owner)
    name = execution_name("provision", reservation, reservation.provision_attempt)
    services.workflows.stop("provision", name, "the reservation is being deleted")
    units = list(reservation.placement.positions) if reservation.placement else []
    return {"outcome": "proceed", "units": units}


def delete_unit_servers(
    services: Needs, organization_id: str, reservation_id: str, position: int
) -> dict[str, Any]:
    """Begin to delete the servers of one claimed domain: ``deleting`` or ``superseded``."""
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_going_away(reservation):
        return SUPERSEDED
    domain = owned_domain(services, reservation, position)
    if domain is not None:
        services.provider.delete(reservation.server_owner, [host.id for host in domain.hosts])
    return {"outcome": "deleting"}


def sweep_servers(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Delete whatever server is left, wherever it is: ``clear``, ``waiting``, ``overdue`` or ``superseded``.

    It asks the provider and not the topology, so a server on a host that was replaced since is found too.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_going_away(reservation):
        return SUPERSEDED
    services.provider.fence(reservation.server_owner)
    servers = services.provider.servers(reservation.server_owner)
    if not servers:
        return {"outcome": "clear"}
    services.provider.delete(
        reservation.server_owner, [s.host_id for s in servers if s.state is not ServerState.DELETING]
    )
    begun = reservation.deleted_at or reservation.deadline or reservation.created_at
    if services.clock.now() >= begun + services.limits.teardown_seconds_max:
        return {"outcome": "overdue", "message": f"{len(servers)} servers could not be deleted in time"}
    return {"outcome": "waiting"}


def complete_deprovisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Release the capacity and remove the record: ``gone``, ``waiting`` or ``superseded``.

    Capacity is only given back when no server is left on it.

    Raises:
        StorageUnavailable: not decided; or the quota counts less than the record.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None:
        return {"outcome": "gone"}
    if reservation.status is not Status.DEPROVISIONING:
        return SUPERSEDED
    if services.provider.servers(reservation.server_owner):
        return {"outcome": "waiting"}
    # Definite before the record goes: what it names is all that tells what has to be given back.
    give_back(services, reservation)
    back = refund(services, reservation)
    refused = services.reservations.remove(reservation, services.clock.now(), *back)
    # Whoever comes to remove the record: from now on others may have what was given back.
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
    # A replay, or the record changed since it was read: look again.
    found = services.reservations.get(organization_id, reservation_id)
    demand_change(found, reservation, refused)
    return {"outcome": "gone"} if found is None else {"outcome": "waiting"}


def _is_going_away(reservation: Reservation) -> bool:
    return reservation.status is Status.DEPROVISIONING or (
        reservation.status is Status.PROVISIONING and reservation.failure is not None
    )

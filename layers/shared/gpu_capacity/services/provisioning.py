"""Steps of the provisioning workflow. Each is idempotent and answers an outcome to branch on.

==========================  =====================================================================
step                        undone by
==========================  =====================================================================
``begin_provisioning``      ``fail_provisioning`` (status) or a delete
``pin_unit_servers``        ``delete_unit_servers`` and ``sweep_servers``
``check_servers``           nothing: it only reads
``complete_provisioning``   a delete; nothing can fail after it
``abandon_provisioning``    nothing: from here on the only way is back
``fail_provisioning``       nothing: it is the end of the undo
==========================  =====================================================================

Outcomes are the contract with ``statemachines/provision_reservation.asl.json``. ``superseded`` means that
the record is no longer this workflow's business: it was deleted, or settled by another execution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.holders.reservation import Status
from gpu_capacity.ports import PinOutcome, ServerState
from gpu_capacity.topology.model import HostState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.holders.reservation import Reservation
    from gpu_capacity.services.context import Services
    from gpu_capacity.topology.model import Domain

ACTOR = "workflow:provision"
# Always with every field that an expression of the state machine reads: an absent one is an error there.
SUPERSEDED: dict[str, Any] = {"outcome": "superseded", "units": [], "message": ""}


def begin_provisioning(services: Services, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """``pending`` to ``provisioning``, and the units to work on: ``proceed``, ``undo`` or ``superseded``."""
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is not None and reservation.status is Status.PENDING:
        deadline = services.clock.now() + services.limits.provisioning_seconds_max
        if services.reservations.begin(reservation, deadline):
            _audit(services, reservation, "begin_provisioning", "provisioning")
        reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or reservation.status is not Status.PROVISIONING:
        return SUPERSEDED
    if reservation.failure is not None:
        # An earlier execution died while it was undoing.
        return {"outcome": "undo", "units": _units(reservation), "message": reservation.failure}
    return {"outcome": "proceed", "units": _units(reservation), "message": ""}


def pin_unit_servers(
    services: Services, organization_id: str, reservation_id: str, position: int
) -> dict[str, Any]:
    """Pin one server on every host of one claimed domain: ``pinned``, ``failed`` or ``fenced``.

    Fenced twice: by the record's status, which stops what has not begun, and by the provider's fence, which
    stops what was already under way when the record changed.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_provisioning(reservation):
        return {"outcome": "fenced", "message": "provisioning was stopped"}
    domain = claimed_domain(services, reservation, position)
    if domain is None or len(domain.hosts) < reservation.hosts_per_unit:
        return _failed("hardware of a claimed unit is missing from the inventory")
    for host in domain.hosts:
        if host.state is HostState.MISSING:
            return _failed(f"host {host.name} of a claimed unit is missing from the inventory")
        match services.provider.pin(reservation.server_owner, reservation.region_id, host.id):
            case PinOutcome.FENCED:
                return {"outcome": "fenced", "message": "provisioning was stopped"}
            case PinOutcome.OCCUPIED:
                return _failed(f"host {host.name} is occupied by a server of somebody else")
            case PinOutcome.PINNED:
                pass
    return {"outcome": "pinned", "message": ""}


def check_servers(services: Services, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Whether all servers are up: ``ready``, ``waiting``, ``failed`` or ``superseded``."""
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_provisioning(reservation):
        return SUPERSEDED
    servers = services.provider.servers(reservation.server_owner)
    if broken := next((s for s in servers if s.state is ServerState.FAILED), None):
        return _failed(f"the server on host {broken.host_id} failed: {broken.message}")
    ready = sum(server.state is ServerState.READY for server in servers)
    if ready >= reservation.hosts_expected:
        return {"outcome": "ready", "message": ""}
    if reservation.deadline is not None and services.clock.now() >= reservation.deadline:
        return _failed(f"{ready} of {reservation.hosts_expected} servers were ready when the time was up")
    return {"outcome": "waiting", "message": ""}


def complete_provisioning(services: Services, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """``provisioning`` to ``provisioned``: ``provisioned`` or ``superseded``."""
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None:
        return SUPERSEDED
    if services.reservations.complete(reservation):
        services.telemetry.count("ReservationsProvisioned")
        _audit(services, reservation, "complete_provisioning", "provisioned")
        return {"outcome": "provisioned"}
    # A replay of a step that had succeeded, or a delete that came first.
    return {"outcome": "provisioned"} if reservation.status is Status.PROVISIONED else SUPERSEDED


def abandon_provisioning(
    services: Services, organization_id: str, reservation_id: str, message: str
) -> dict[str, Any]:
    """Note why, close the provider to late pins, and go back: ``undo`` or ``superseded``."""
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not services.reservations.abandon(reservation, message):
        return SUPERSEDED
    services.provider.fence(reservation.server_owner)
    _audit(services, reservation, "abandon_provisioning", "undoing")
    return {"outcome": "undo", "units": _units(reservation)}


def fail_provisioning(services: Services, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Release the capacity and show ``error``: ``failed``, ``waiting`` or ``superseded``.

    Capacity is only given back when no server is left on it.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or reservation.status is not Status.PROVISIONING:
        return SUPERSEDED
    if services.provider.servers(reservation.server_owner):
        return {"outcome": "waiting"}
    if not services.reservations.fail(reservation):
        # A delete came first; or the units were counted in a quota since the record was read: look again.
        found = services.reservations.get(organization_id, reservation_id)
        undoing = found is not None and found.status is Status.PROVISIONING
        return {"outcome": "waiting"} if undoing else SUPERSEDED
    services.events.freed(reservation.region_id)
    services.telemetry.count("ReservationsFailed")
    _audit(services, reservation, "fail_provisioning", "error")
    return {"outcome": "failed"}


def claimed_domain(services: Services, reservation: Reservation, position: int) -> Domain | None:
    """The domain at a claimed position, as the inventory knows it now."""
    placement = reservation.placement
    if placement is None or position not in placement.positions:
        return None
    pair = (reservation.region_id, placement.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    return next(iter(pod.between(position, 1)), None) if pod else None


def _is_provisioning(reservation: Reservation) -> bool:
    return reservation.status is Status.PROVISIONING and reservation.failure is None


def _units(reservation: Reservation) -> Sequence[int]:
    return list(reservation.placement.positions) if reservation.placement else []


def _failed(message: str) -> dict[str, Any]:
    return {"outcome": "failed", "message": message}


def _audit(services: Services, reservation: Reservation, action: str, outcome: str) -> None:
    services.telemetry.audit(ACTOR, action, reservation.id, outcome, organization=reservation.organization_id)

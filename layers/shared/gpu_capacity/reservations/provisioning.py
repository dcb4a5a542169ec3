"""Steps of the provisioning workflow. Each is idempotent, and returns an outcome to branch on.

==========================  =====================================================================
step                        undone by
==========================  =====================================================================
``begin_provisioning``      ``fail_provisioning`` (status) or a delete
``pin_unit_servers``        ``delete_unit_servers`` and ``sweep_servers``
``check_servers``           nothing: it only reads
``complete_provisioning``   a delete; nothing can fail after it
``abandon_provisioning``    nothing: it begins the undo
``fail_provisioning``       nothing: it ends the undo
==========================  =====================================================================

Outcomes are the contract with ``statemachines/provision_reservation.asl.json``. ``superseded`` means that the
record does not belong to this workflow any more: it was deleted, or settled by another execution.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gpu_capacity.holders.advance import advance
from gpu_capacity.inventory.model import HostState
from gpu_capacity.providers.port import HoldOutcome, HoldState
from gpu_capacity.reservations.record import Status
from gpu_capacity.reservations.releasing import give_back, refund

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import HasLimits, HasProvider
    from gpu_capacity.holders.store import HolderKey
    from gpu_capacity.inventory.model import Domain
    from gpu_capacity.reservations.claiming import Needs as ClaimingNeeds
    from gpu_capacity.reservations.record import Reservation

    class Needs(ClaimingNeeds, HasLimits, HasProvider, Protocol):
        """What the functions of this module work with."""


ACTOR = "workflow:provision"
# Every outcome has all fields that expressions of the state machine read: a missing one is an error there.
SUPERSEDED: dict[str, Any] = {"outcome": "superseded", "units": [], "message": ""}


def begin_provisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Make a pending reservation ``provisioning``.

    Returns:
        ``proceed`` with the positions of the units; ``undo``, with the reason as well, if an earlier
        execution died while it was undoing; or ``superseded``.
    """
    key = (organization_id, reservation_id)
    deadline = services.clock.now() + services.limits.provisioning_seconds_max
    begun = advance(
        services.reservations,
        key,
        lambda r: (
            replace(r, status=Status.PROVISIONING, deadline=deadline) if r.status is Status.PENDING else None
        ),
        services.pause,
    )
    if begun is not None:
        _audit(services, begun, "begin_provisioning", "provisioning")
    reservation = begun or services.reservations.get(*key)
    if reservation is None or reservation.status is not Status.PROVISIONING:
        return SUPERSEDED
    if reservation.failure is not None:
        # An earlier execution died while it was undoing.
        return {"outcome": "undo", "units": _units(reservation), "message": reservation.failure}
    return {"outcome": "proceed", "units": _units(reservation), "message": ""}


def pin_unit_servers(
    services: Needs, organization_id: str, reservation_id: str, position: int
) -> dict[str, Any]:
    """Pin one server on every host of one owned domain.

    A teardown stops this step twice: the record's status stops pins that have not begun, and the provider's
    fence stops pins that were in progress when the record changed.

    Returns:
        ``pinned``, ``failed`` with the reason, or ``fenced``.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_provisioning(reservation):
        return {"outcome": "fenced", "message": "provisioning was stopped"}
    domain = owned_domain(services, reservation, position)
    if domain is None or len(domain.hosts) < reservation.hosts_per_unit:
        return _failed("hardware of a claimed unit is missing from the inventory")
    if missing := next((host for host in domain.hosts if host.state is HostState.MISSING), None):
        return _failed(f"host {missing.name} of a claimed unit is missing from the inventory")
    outcomes = services.provider.hold(
        reservation.server_owner, reservation.region_id, [host.id for host in domain.hosts]
    )
    for host in domain.hosts:
        match outcomes[host.id]:
            case HoldOutcome.FENCED:
                return {"outcome": "fenced", "message": "provisioning was stopped"}
            case HoldOutcome.OCCUPIED:
                return _failed(f"host {host.name} is occupied by a server of somebody else")
            case HoldOutcome.HELD:
                pass
    return {"outcome": "pinned", "message": ""}


def check_servers(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Check whether all servers are up.

    Returns:
        ``ready``, ``waiting``, ``failed`` with the reason, or ``superseded``.
    """
    reservation = services.reservations.get(organization_id, reservation_id)
    if reservation is None or not _is_provisioning(reservation):
        return SUPERSEDED
    servers = services.provider.held(reservation.server_owner)
    if broken := next((s for s in servers if s.state is HoldState.UNFIT), None):
        return _failed(f"the server on host {broken.host_id} failed: {broken.message}")
    ready = sum(server.state is HoldState.HELD for server in servers)
    if ready >= reservation.hosts_expected:
        return {"outcome": "ready", "message": ""}
    if reservation.deadline is not None and services.clock.now() >= reservation.deadline:
        return _failed(f"{ready} of {reservation.hosts_expected} servers were ready when the time was up")
    return {"outcome": "waiting", "message": ""}


def complete_provisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """``provisioning`` to ``provisioned``: ``provisioned`` or ``superseded``. Not once the undo has begun."""
    key = (organization_id, reservation_id)
    provisioned = advance(
        services.reservations,
        key,
        lambda r: (
            replace(r, status=Status.PROVISIONED, unsettled_since=None) if _is_provisioning(r) else None
        ),
        services.pause,
    )
    if provisioned is not None:
        services.telemetry.count("ReservationsProvisioned")
        _audit(services, provisioned, "complete_provisioning", "provisioned")
        return {"outcome": "provisioned"}
    found = services.reservations.get(*key)
    # A repeat of a step that succeeded, or a delete came first.
    replayed = found is not None and found.status is Status.PROVISIONED
    return {"outcome": "provisioned"} if replayed else SUPERSEDED


def abandon_provisioning(
    services: Needs, organization_id: str, reservation_id: str, message: str
) -> dict[str, Any]:
    """Begin to undo: record the reason, and fence the provider against late pins.

    Returns:
        ``undo`` with the positions of the units, or ``superseded``.
    """
    key = (organization_id, reservation_id)
    abandoned = advance(
        services.reservations,
        key,
        lambda r: replace(r, failure=message) if _is_provisioning(r) else None,
        services.pause,
    )
    if abandoned is not None:
        _audit(services, abandoned, "abandon_provisioning", "undoing")
    reservation = abandoned or services.reservations.get(*key)
    if reservation is None or reservation.status is not Status.PROVISIONING:
        return SUPERSEDED
    services.provider.fence(reservation.server_owner)
    return {"outcome": "undo", "units": _units(reservation)}


def fail_provisioning(services: Needs, organization_id: str, reservation_id: str) -> dict[str, Any]:
    """Make the reservation ``error``, and release its capacity if no server is left on it.

    From the moment that it is ``error`` the record lists no capacity. It names the run that is still to be
    released, and is unsettled until that is done.

    Returns:
        ``failed``, ``waiting`` while a server is left, or ``superseded``.
    """
    key = (organization_id, reservation_id)
    reservation = services.reservations.get(*key)
    if reservation is None or not _is_failing(reservation):
        return SUPERSEDED
    if services.provider.held(reservation.server_owner):
        return {"outcome": "waiting"}
    failed = advance(
        services.reservations, key, _failed_record, services.pause, partial(_uncounted, services)
    )
    if failed is not None:
        services.telemetry.count("ReservationsFailed")
        _audit(services, failed, "fail_provisioning", "error")
    return {"outcome": "failed"} if give_back_failed(services, key) else SUPERSEDED


def give_back_failed(services: Needs, key: HolderKey) -> bool:
    """Release the run that a reservation in ``error`` still names; false if it was deleted meanwhile."""
    failed = services.reservations.get(*key)
    if failed is None or failed.status is not Status.ERROR:
        return False
    if failed.named is None:
        return True
    give_back(services, failed)
    settled = advance(
        services.reservations,
        key,
        lambda r: replace(r, named=None, unsettled_since=None) if r.status is Status.ERROR else None,
        services.pause,
    )
    services.events.freed(failed.region_id)
    return settled is not None


def _failed_record(reservation: Reservation) -> Reservation | None:
    """The reservation as ``error``: it names the run that it listed, and quotas do not count it any more."""
    if reservation.status is not Status.PROVISIONING or not reservation.runs:
        return None
    # Units are released from a provisioned reservation only, so this one still has the run that it claimed.
    [run] = reservation.runs
    return replace(
        reservation,
        status=Status.ERROR,
        named=run,
        runs=(),
        topology_hash=None,
        hardware=None,
        counted=False,
        deadline=None,
    )


def _uncounted(services: Needs, reservation: Reservation) -> Sequence[Action]:
    return refund(services, reservation)


def _is_failing(reservation: Reservation) -> bool:
    """Whether its provisioning is being undone, up to the release of its run."""
    undoing = reservation.status is Status.PROVISIONING and reservation.failure is not None
    return undoing or (reservation.status is Status.ERROR and reservation.named is not None)


def owned_domain(services: Needs, reservation: Reservation, position: int) -> Domain | None:
    """The domain at a position, as the inventory has it now; None if there is none or it is not owned."""
    if reservation.pod_id is None or position not in reservation.positions:
        return None
    pair = (reservation.region_id, reservation.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    return next(iter(pod.between(position, 1)), None) if pod else None


def _is_provisioning(reservation: Reservation) -> bool:
    return reservation.status is Status.PROVISIONING and reservation.failure is None


def _units(reservation: Reservation) -> Sequence[int]:
    return list(reservation.positions)


def _failed(message: str) -> dict[str, Any]:
    return {"outcome": "failed", "message": message}


def _audit(services: Needs, reservation: Reservation, action: str, outcome: str) -> None:
    services.telemetry.audit(ACTOR, action, reservation.id, outcome, organization=reservation.organization_id)

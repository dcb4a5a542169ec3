"""The workflow of a placement: one step, which reads the record and does what it asks for.

==================  ================================================================  ========================
status              what a round does                                                 undone by
==================  ================================================================  ========================
``pending``         makes it ``provisioning``                                         a delete
``provisioning``    deploys servers that are missing; rebuilds some of those that     a delete
                    have another image; settles the record when nothing moves
``provisioned``     begins again if a late call gave a server a former image          a delete
``deprovisioning``  fences, removes the servers, then the record                      nothing: it is final
==================  ================================================================  ========================

Every round may run twice, late, or beside another one: what it writes is on the condition of the record that
it read, the provider ignores what it has done, and its fence and the generation of an image stop late calls.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.holders.advance import demand_change
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.holders.quota_store import uncount
from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.progress import is_provisioned, next_to_rebuild
from gpu_capacity.placements.record import Networking, PlacementStatus
from gpu_capacity.providers.port import ActionOutcome, DeployOutcome, HoldOutcome, ServerOrder, ServerState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.roles import (
        HasClock,
        HasDeadline,
        HasInventory,
        HasLimits,
        HasProvider,
        HasTelemetry,
    )
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.providers.port import Server
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(
        HasClock,
        HasDeadline,
        HasInventory,
        HasLimits,
        HasPlacements,
        HasProvider,
        HasReservations,
        HasTelemetry,
        Protocol,
    ):
        """What the functions of this module work with."""


ACTOR: Final = "workflow:settle_placement"

DEPLOY_BATCH: Final = 48
"""Servers of one call of the provider."""

CALL_SECONDS: Final = 5
"""The time that a call of the provider may take: none begins with less."""

FAILURE_LENGTH_MAX: Final = 500
"""Characters of the reason of ``error``: providers may have a lot to say."""

_RESERVATION: Final = "reservation"


def settle_placement(
    services: Needs, organization_id: str, placement_id: str, execution: str | None = None
) -> Step:
    """Do the next round of a placement, whatever its record asks for.

    Args:
        services: collaborators.
        organization_id: of the placement.
        placement_id: which one.
        execution: the name of the execution that asks. One that is not the record's own ends while the record
            is unsettled: another one was started for what was asked last, or reconcile starts it. Executions
            of an earlier definition do not say who they are, and go on.

    Raises:
        ProviderUnavailable: the provider did not answer. The step is repeated.
        StorageUnavailable: the database did not answer, or what it has contradicts itself.
    """
    placement = services.placements.get(organization_id, placement_id)
    if placement is None:
        return Step.DONE
    if execution not in (None, placement.execution) and placement.is_unsettled:
        return _hand_over(services, placement)
    return _round(services, placement)


def _round(services: Needs, placement: Placement) -> Step:
    match placement.status:
        case PlacementStatus.PENDING:
            return _begin(services, placement)
        case PlacementStatus.PROVISIONING:
            return _provision(services, placement)
        case PlacementStatus.PROVISIONED:
            return _look_again(services, placement)
        case PlacementStatus.DEPROVISIONING:
            return _tear_down(services, placement)
        case _:
            return Step.DONE


def _hand_over(services: Needs, placement: Placement) -> Step:
    """Leave the placement to the execution that was started after this one.

    The servers may have changed by what this execution asked for since the other one looked at them. So the
    record gets another revision, which refuses what was decided on that look.
    """
    return Step.AGAIN if _written(services, placement, "hand_over") is None else Step.SUPERSEDED


def _begin(services: Needs, placement: Placement) -> Step:
    begun = _written(services, placement, "begin", status=PlacementStatus.PROVISIONING)
    return Step.AGAIN if begun is None else _provision(services, begun)


def _look_again(services: Needs, placement: Placement) -> Step:
    """Begin again if a rolling update has work to do although the record is settled.

    An execution comes here after another one has settled the record. If the image was changed twice, its last
    rebuild may have reached the provider after servers were found up to date, and then nobody else sees it.
    """
    if not placement.strategy.is_rolling:
        return Step.DONE
    if not next_to_rebuild(placement, services.provider.servers(placement.server_owner)):
        return Step.DONE
    _written(
        services,
        placement,
        "begin_again",
        status=PlacementStatus.PROVISIONING,
        unsettled_since=services.clock.now(),
    )
    return Step.AGAIN


def _provision(services: Needs, placement: Placement) -> Step:
    servers = services.provider.servers(placement.server_owner)
    if len(servers) < placement.count:
        return _deploy(services, placement, servers)
    to_rebuild = next_to_rebuild(placement, servers)
    outcomes = set()
    for server in to_rebuild:
        if services.deadline.remaining_seconds() < CALL_SECONDS:
            return Step.AGAIN
        outcomes.add(_rebuild(services, placement, server))
    if outcomes & {ActionOutcome.ACCEPTED, ActionOutcome.ABSENT}:
        return Step.WAITING
    moving = [s for s in servers if not is_provisioned(s) and s.state is not ServerState.FAILED]
    if (moving or outcomes) and services.clock.now() < _given_up_at(services, placement, servers):
        return Step.WAITING
    reason = _reason(placement, servers, moving, to_rebuild)
    return _complete(services, placement) if reason is None else _fail(services, placement, reason)


def _reason(
    placement: Placement, servers: Sequence[Server], moving: Sequence[Server], refused: Sequence[Server]
) -> str | None:
    """Why not all servers are as they should be, now that nothing moves any more; None if they are."""
    failed = [server for server in servers if server.state is ServerState.FAILED]
    if failed:
        name, why = placement.server_name(failed[0].ordinal), failed[0].message
        return f"{_of(failed, placement)} failed, {name} first: {why}"
    if moving:
        return f"{_of(moving, placement)} were not up when the time was over"
    if refused:
        return f"{_of(refused, placement)} could not be rebuilt"
    return None


def _given_up_at(services: Needs, placement: Placement, servers: Sequence[Server]) -> int:
    """When the servers that are not up are given up: some time after the latest of them made a step.

    So an update of many servers may take as long as it needs, and one that is stuck does not go on for ever.
    """
    since = placement.unsettled_since or placement.created_at
    latest = max((since, *(server.since for server in servers if server.since is not None)))
    return latest + services.limits.provisioning_seconds_max


def _deploy(services: Needs, placement: Placement, servers: Sequence[Server]) -> Step:
    """Deploy the servers that are missing, as many as there is time for."""
    reservation = services.reservations.get(placement.organization_id, placement.reservation_id)
    if reservation is None or reservation.life != placement.reservation_life:
        return _fail(services, placement, "its reservation does not exist any more")
    there = {server.ordinal for server in servers}
    hosts = host_ids(services, placement)
    missing = [ordinal for ordinal, _, _ in placement.slots() if ordinal not in there]
    if unknown := [placement.server_name(ordinal) for ordinal in missing if ordinal not in hosts]:
        return _fail(services, placement, f"the host of {unknown[0]} is missing from the inventory")
    orders = (_order(placement, reservation.server_owner, n, hosts[n]) for n in missing)
    while batch := list(islice(orders, DEPLOY_BATCH)):
        if services.deadline.remaining_seconds() < CALL_SECONDS:
            return Step.AGAIN
        outcomes = services.provider.deploy(batch)
        not_held = [order.host_id for order in batch if outcomes[order.host_id] is DeployOutcome.NOT_HELD]
        holds = _hold(services, placement, reservation.server_owner, not_held)
        for order in batch:
            refused = _HOLD_REFUSALS.get(holds.get(order.host_id)) or _REFUSALS.get(outcomes[order.host_id])
            if refused:
                return _fail(services, placement, refused.format(order.name))
    return _wait_for_deployed(services, placement, servers)


def _wait_for_deployed(services: Needs, placement: Placement, before: Sequence[Server]) -> Step:
    """Wait for servers that were deployed, unless the provider accepts orders and loses them."""
    now = services.clock.now()
    if now < _given_up_at(services, placement, before):
        return Step.WAITING
    listed = services.provider.servers(placement.server_owner)
    if now < _given_up_at(services, placement, listed):
        return Step.WAITING
    lost = f"{placement.count - len(listed)} of {placement.count} servers"
    return _fail(services, placement, f"{lost} were not there when the time was over")


_REFUSALS: Final = {
    DeployOutcome.FENCED: "the provider takes no servers of this placement any more, so {} is missing",
    DeployOutcome.OCCUPIED: "the host of {} is occupied by another server",
}
_HOLD_REFUSALS: Final[dict[HoldOutcome | None, str]] = {
    HoldOutcome.FENCED: "the host of {} is not held for the reservation any more",
    HoldOutcome.OCCUPIED: "the host of {} is held for another holder",
}


def _hold(
    services: Needs, placement: Placement, holder_id: str, hosts: Sequence[str]
) -> Mapping[str, HoldOutcome]:
    """Hold hosts that the fleet has got since the reservation was provisioned: its racks are its own.

    Their servers are deployed in a later round, once the provider has found the hosts fit.
    """
    return services.provider.hold(holder_id, placement.region_id, hosts) if hosts else {}


def _rebuild(services: Needs, placement: Placement, server: Server) -> ActionOutcome:
    """Give a server the wanted image. Should the image have changed meanwhile, the next round sees to it."""
    return services.provider.rebuild(
        placement.server_owner, server.host_id, placement.image_id, placement.generation
    )


def _complete(services: Needs, placement: Placement) -> Step:
    settled = _written(
        services,
        placement,
        "complete",
        status=PlacementStatus.PROVISIONED,
        failure=None,
        unsettled_since=None,
    )
    if settled is None:
        return Step.AGAIN
    services.telemetry.count("PlacementsProvisioned")
    return Step.DONE


def _fail(services: Needs, placement: Placement, reason: str) -> Step:
    """Make the placement ``error``. It keeps its hosts, and the servers that it has."""
    failed = _written(
        services,
        placement,
        "fail",
        status=PlacementStatus.ERROR,
        failure=reason[:FAILURE_LENGTH_MAX],
        unsettled_since=None,
    )
    if failed is None:
        return Step.AGAIN
    services.telemetry.count("PlacementsFailed")
    return Step.DONE


def _tear_down(services: Needs, placement: Placement) -> Step:
    """Remove the servers, and the record once the provider lists none."""
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
        _audit(services, placement, "complete_teardown", "gone")
        return Step.DONE
    found = services.placements.get(placement.organization_id, placement.id)
    if _RESERVATION not in refused.items:
        demand_change(found, placement, refused)
    return Step.DONE if found is None else Step.AGAIN


def host_ids(services: HasInventory, placement: Placement) -> dict[int, str]:
    """The ids of its hosts by ordinal, as far as the inventory has them."""
    pair = (placement.region_id, placement.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    ids = {
        (domain.position, host.slot): host.id
        for domain in (pod.domains if pod else ())
        for host in domain.hosts
    }
    return {
        ordinal: ids[position, slot]
        for ordinal, position, slot in placement.slots()
        if (position, slot) in ids
    }


def _order(placement: Placement, holder_id: str, ordinal: int, host_id: str) -> ServerOrder:
    networking = placement.networking or Networking()
    return ServerOrder(
        owner=placement.server_owner,
        holder_id=holder_id,
        region_id=placement.region_id,
        host_id=host_id,
        ordinal=ordinal,
        name=placement.server_name(ordinal),
        generation=placement.generation,
        image_id=placement.image_id,
        network_id=placement.network_id,
        allowed_source_addresses=networking.allowed_source_addresses or (),
        public_ip=networking.public_ip or False,
        security_groups=networking.security_groups or (),
        ssh_certificate_authority_id=placement.ssh_certificate_authority_id,
        user_data=None if placement.user_data is None else b64encode(placement.user_data).decode(),
    )


def _of(servers: Sequence[Server], placement: Placement) -> str:
    return f"{len(servers)} of {placement.count} servers"


def _written(services: Needs, placement: Placement, action: str, **changes: Any) -> Placement | None:
    """The record with these changes as written; None if somebody else changed it first."""
    after = services.placements.change(placement, replace(placement, **changes))
    if isinstance(after, Refused):
        return None
    _audit(services, after, action, after.status.value)
    return after


def _audit(services: Needs, placement: Placement, action: str, outcome: str) -> None:
    services.telemetry.audit(ACTOR, action, placement.id, outcome, organization=placement.organization_id)

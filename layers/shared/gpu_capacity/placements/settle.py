"""The workflow of a placement: one step, which reads the record and does what it asks for.

==================  ================================================================  ========================
status              what a round does                                                 undone by
==================  ================================================================  ========================
``pending``         makes it ``provisioning``                                         a delete
``provisioning``    moves servers that have lost their hosts; deploys those that are  a delete
                    missing; rebuilds some of those that have another image; settles
                    the record when nothing moves
``provisioned``     gives back hosts that servers have left; begins again if a late   a delete
                    call gave a server a former image
``error``           gives back hosts that servers have left                           a delete
``deprovisioning``  fences, removes the servers, then the record                      nothing: it is final
==================  ================================================================  ========================

Every round may run twice, late, or beside another one: what it writes is on the condition of the record that
it read, the provider ignores what it has done, and its fence and the generation of an image stop late calls.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.deploying import CALL_SECONDS, deploy, host_ids
from gpu_capacity.placements.healing import heal, let_go
from gpu_capacity.placements.losses import losses_of, vanished_of
from gpu_capacity.placements.progress import Drift, drift_of, is_provisioned, next_to_rebuild
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.removal import tear_down
from gpu_capacity.placements.seating import seating_of
from gpu_capacity.placements.writing import written
from gpu_capacity.providers.port import ActionOutcome, ServerState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any, Protocol

    from gpu_capacity.holders.roles import HasLimits
    from gpu_capacity.placements.deploying import Needs as DeployingNeeds
    from gpu_capacity.placements.healing import Needs as HealingNeeds
    from gpu_capacity.placements.losses import Loss
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Server

    class Needs(DeployingNeeds, HealingNeeds, HasLimits, Protocol):
        """What the functions of this module work with."""


FAILURE_LENGTH_MAX: Final = 500
"""Characters of the reason of ``error``: providers may have a lot to say."""


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
        case PlacementStatus.DEPROVISIONING:
            return tear_down(services, placement)
        case _:
            return _look_again(services, placement)


def _hand_over(services: Needs, placement: Placement) -> Step:
    """Leave the placement to the execution that was started after this one.

    The servers may have changed by what this execution asked for since the other one looked at them. So the
    record gets another revision, which refuses what was decided on that look.
    """
    return Step.AGAIN if written(services, placement, "hand_over") is None else Step.SUPERSEDED


def _begin(services: Needs, placement: Placement) -> Step:
    begun = written(services, placement, "begin", status=PlacementStatus.PROVISIONING)
    return Step.AGAIN if begun is None else _provision(services, begun)


def _look_again(services: Needs, placement: Placement) -> Step:
    """What is left to do for a settled placement: former servers, and images that came late.

    Begins again if a rolling update has work to do. An execution comes here after another one has settled the
    record. If the image was changed twice, its last rebuild may have reached the provider after servers were
    found up to date, and then nobody else sees it.
    """
    provisioned = placement.status is PlacementStatus.PROVISIONED
    rolls = provisioned and placement.strategy.is_rolling
    if not rolls and not placement.leaving:
        return Step.DONE
    seating = seating_of(placement, services.provider.servers(placement.server_owner))
    left = let_go(services, placement, seating)
    if left is None:
        return Step.AGAIN
    if rolls and next_to_rebuild(left, seating.servers):
        now = services.clock.now()
        written(services, left, "begin_again", status=PlacementStatus.PROVISIONING, unsettled_since=now)
        return Step.AGAIN
    return _wait_for_former(services, left)


def _wait_for_former(services: Needs, placement: Placement) -> Step:
    """Wait for former servers to go, as long as a teardown may take. Later, the watch looks at them."""
    latest = max((leaving.since for leaving in placement.leaving), default=None)
    if latest is None or services.clock.now() >= latest + services.limits.teardown_seconds_max:
        return Step.DONE
    return Step.WAITING


def _provision(services: Needs, placement: Placement) -> Step:
    seating = seating_of(placement, services.provider.servers(placement.server_owner))
    left = let_go(services, placement, seating)
    if left is None:
        return Step.AGAIN
    placement, servers = left, seating.servers
    absent = set(range(placement.count)) - {server.ordinal for server in servers}
    hosts = host_ids(services, placement) if absent else {}
    missing = sorted(absent - vanished_of(placement, servers))
    late = services.clock.now() >= _given_up_at(services, placement, servers)
    useless: Sequence[Loss] = ()
    if missing:
        deployed = deploy(services, placement, missing, hosts)
        if deployed.failure is not None:
            return _fail(services, placement, deployed.failure)
        if deployed.unfinished:
            return Step.AGAIN
        useless = deployed.lost
        if late:
            # What was deployed just now has its time, unless the provider accepts orders and loses them.
            servers = seating_of(placement, services.provider.servers(placement.server_owner)).servers
            late = services.clock.now() >= _given_up_at(services, placement, servers)
    lost = {loss.ordinal: loss for loss in (*losses_of(placement, servers, hosts, late=late), *useless)}
    losses = [lost[ordinal] for ordinal in sorted(lost)]
    healed = heal(services, placement, losses, servers)
    if healed.moved or healed.raced:
        return Step.AGAIN
    pending = absent - lost.keys() - {server.ordinal for server in servers}
    return _update(services, placement, servers, pending, healed.left)


def _update(
    services: Needs,
    placement: Placement,
    servers: Sequence[Server],
    pending: Collection[int],
    stuck: Sequence[tuple[Loss, str]],
) -> Step:
    """Rebuild the next servers, and settle the record when nothing moves any more.

    Args:
        services: collaborators.
        placement: the record.
        servers: those in their places.
        pending: ordinals of servers that were ordered and are not listed yet.
        stuck: lost servers that cannot move now, with why.
    """
    lost = {loss.ordinal for loss, _ in stuck}
    to_rebuild = [] if pending else next_to_rebuild(placement, servers)
    outcomes = set()
    for server in to_rebuild:
        if services.deadline.remaining_seconds() < CALL_SECONDS:
            return Step.AGAIN
        outcomes.add(_rebuild(services, placement, server))
    if outcomes & {ActionOutcome.ACCEPTED, ActionOutcome.ABSENT}:
        return Step.WAITING
    useful = [server for server in servers if server.ordinal not in lost]
    moving = [s for s in useful if not is_provisioned(s) and s.state is not ServerState.FAILED]
    waits = bool(moving or outcomes or pending)
    if waits and services.clock.now() < _given_up_at(services, placement, servers):
        return Step.WAITING
    blocked = any(placement.is_leaving(ordinal) for ordinal in lost)
    if blocked and _wait_for_former(services, placement) is Step.WAITING:
        return Step.WAITING
    reason = _reason(placement, useful, moving, to_rebuild)
    if reason is None and stuck:
        reason = _impairment(placement, stuck)
        rolls = placement.strategy.is_rolling
        updating = rolls and any(drift_of(placement, server) is Drift.DRIFTED for server in useful)
        if placement.served and not updating:
            return _complete(services, placement, servers, reason)
    return _complete(services, placement, servers) if reason is None else _fail(services, placement, reason)


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


def _impairment(placement: Placement, stuck: Sequence[tuple[Loss, str]]) -> str:
    """Why servers are missing that have lost their hosts."""
    (first, why), *others = stuck
    more = f"; so it is with {len(others)} more" if others else ""
    return f"{placement.server_name(first.ordinal)} {first.reason}, and {why}{more}"


def _given_up_at(services: Needs, placement: Placement, servers: Sequence[Server]) -> int:
    """When the servers that are not up are given up: some time after the latest of them made a step.

    So an update of many servers may take as long as it needs, and one that is stuck does not go on for ever.
    """
    since = placement.unsettled_since or placement.created_at
    steps = [server.since for server in servers if server.since is not None]
    latest = max((since, *steps, *(moved.since for moved in placement.moved)))
    return latest + services.limits.provisioning_seconds_max


def _rebuild(services: Needs, placement: Placement, server: Server) -> ActionOutcome:
    """Give a server the wanted image. Should the image have changed meanwhile, the next round sees to it."""
    return services.provider.rebuild(
        placement.server_owner, server.host_id, placement.image_id, placement.generation
    )


def _complete(
    services: Needs, placement: Placement, servers: Sequence[Server], impairment: str | None = None
) -> Step:
    """Make the placement ``provisioned``; with an impairment, without some servers that found no host."""
    up = {server.ordinal for server in servers if is_provisioned(server)}
    updated = any(drift_of(placement, server) is Drift.UP_TO_DATE for server in servers)
    lacking_since = None if impairment is None else placement.lacking_since or services.clock.now()
    settled = _settled(
        services,
        placement,
        PlacementStatus.PROVISIONED,
        impairment,
        served=placement.generation if updated else placement.served,
        lacking_since=lacking_since,
        moved=tuple(
            replace(moved, times=0, served=True) if moved.ordinal in up else moved
            for moved in placement.moved
        ),
    )
    if settled is None:
        return Step.AGAIN
    services.telemetry.count("PlacementsProvisioned")
    if impairment is not None:
        services.telemetry.count("PlacementsDegraded")
        services.telemetry.warning("placement degraded", placement=placement.id, reason=impairment)
    return _wait_for_former(services, settled)


def _fail(services: Needs, placement: Placement, reason: str) -> Step:
    """Make the placement ``error``. It keeps its hosts, and the servers that it has."""
    failed = _settled(services, placement, PlacementStatus.ERROR, reason)
    if failed is None:
        return Step.AGAIN
    services.telemetry.count("PlacementsFailed")
    return _wait_for_former(services, failed)


def _settled(
    services: Needs, placement: Placement, status: PlacementStatus, failure: str | None, **changes: Any
) -> Placement | None:
    cut = None if failure is None else failure[:FAILURE_LENGTH_MAX]
    action = "complete" if status is PlacementStatus.PROVISIONED else "fail"
    return written(services, placement, action, status=status, failure=cut, unsettled_since=None, **changes)


def _of(servers: Sequence[Server], placement: Placement) -> str:
    return f"{len(servers)} of {placement.count} servers"

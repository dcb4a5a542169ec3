"""What a settled placement should have: a server in every place, and none anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.placements.healing import has_room, let_go
from gpu_capacity.placements.losses import losses_of, may_move
from gpu_capacity.placements.progress import is_provisioned
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.seating import seating_of
from gpu_capacity.placements.settling import settle_again
from gpu_capacity.providers.port import ServerState

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.placements.healing import Needs as HealingNeeds
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.seating import Seating
    from gpu_capacity.placements.settling import Needs as SettlingNeeds
    from gpu_capacity.upkeep.watch.listing import Budget, Listed

    class Needs(HealingNeeds, SettlingNeeds, Protocol):
        """What the functions of this module work with."""


def watch_placement(services: Needs, placement: Placement, listed: Listed | None, budget: Budget) -> bool:
    """Start the workflow of a placement that has lost servers, and give back hosts that servers have left.

    A placement that says already that it lacks a host is left alone until there is one, or until its servers
    are up again by themselves.

    Args:
        services: collaborators.
        placement: the record as read.
        listed: what providers list; None if that is not known.
        budget: counts calls.

    Returns:
        Whether something was amiss.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    if placement.is_unsettled:
        return False
    owner = placement.server_owner
    if listed is not None and not _needs_look(
        placement, seating_of(placement, listed.servers.get(owner, ()))
    ):
        return False
    budget.spend()
    seating = seating_of(placement, services.provider.servers(owner))
    if not _needs_look(placement, seating):
        return False
    if not _is_amiss(placement, seating):
        settle_again(services, placement)
        return True
    left = let_go(services, placement, seating)
    if left is None or not _has_work(services, left, seating, budget):
        return True
    started = settle_again(services, left)
    if started is not None:
        missing = sorted(set(range(left.count)) - {server.ordinal for server in seating.servers})
        failed = [s.ordinal for s in seating.servers if s.state is ServerState.FAILED]
        services.telemetry.count("PlacementsHealing")
        services.telemetry.warning(
            "placement degraded", placement=left.id, servers_gone=missing, servers_failed=failed
        )
    return True


def _needs_look(placement: Placement, seating: Seating) -> bool:
    """Whether the record and the servers do not agree."""
    return _is_amiss(placement, seating) or _is_outdated(placement, seating)


def _is_outdated(placement: Placement, seating: Seating) -> bool:
    """Whether a placement says that it lacks servers which are all up again.

    Machines that did not answer for a while do now. What the record says would keep a later loss from being
    repaired.
    """
    lacks = placement.status is PlacementStatus.PROVISIONED and placement.failure is not None
    return lacks and all(map(is_provisioned, seating.servers))


def _is_amiss(placement: Placement, seating: Seating) -> bool:
    whole = len(seating.servers) == placement.count
    failed = any(server.state is ServerState.FAILED for server in seating.servers)
    extra = seating.former or seating.strays or placement.leaving or placement.condemned
    return not whole or failed or bool(extra)


def _has_work(services: Needs, placement: Placement, seating: Seating, budget: Budget) -> bool:
    """Whether a round of the workflow would do something about it."""
    servers = seating.servers
    losses = losses_of(placement, servers, {}, late=False)
    if any(may_move(placement, servers, loss) for loss in losses):
        if placement.failure is None:
            return True
        budget.spend()
        return has_room(services, placement)
    # So many are missing that they are deployed again where they were.
    absent = placement.count - len(servers)
    return bool(absent and placement.failure is None and not losses)

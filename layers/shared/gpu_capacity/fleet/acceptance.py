"""When a valid fleet document must not be applied to the inventory as it stands. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.topology.merge import refuse_moves
from gpu_capacity.topology.model import HostState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.fleet.model import FeedState, Fleet, StoredFleet
    from gpu_capacity.topology.model import Pod

HostIds: TypeAlias = set[str]


def refuse_unacceptable(stored: StoredFleet, fleet: Fleet, max_drop_share: float) -> None:
    """Refuse what is old, contradicts what was accepted, is half empty or moves held hardware.

    Args:
        stored: the inventory.
        fleet: the document.
        max_drop_share: 0 to 1; the share of its present hosts that a region may lose with one document.

    Raises:
        FeedRefused: ``outdated``, ``contradictory``, ``drops_too_much`` or ``moves_hardware``.
    """
    if stored.feed:
        refuse_stale(stored.feed, fleet)
    _refuse_drops(stored, fleet, max_drop_share)
    for (region_id, _), pod in sorted(stored.pods.items()):
        refuse_moves(pod, reported_pods(fleet, region_id))


def refuse_stale(accepted: FeedState, fleet: Fleet) -> None:
    """Refuse a document that does not follow the accepted one.

    Raises:
        FeedRefused: ``outdated`` or ``contradictory``.
    """
    if fleet.sequence < accepted.sequence:
        raise FeedRefused(
            FeedRefusal.OUTDATED,
            f"sequence: {fleet.sequence} was published before {accepted.sequence}, which is in use",
        )
    if fleet.sequence == accepted.sequence and fleet.digest != accepted.digest:
        raise FeedRefused(
            FeedRefusal.CONTRADICTORY,
            f"sequence: {fleet.sequence} was accepted with other content; a new document needs a new one",
        )


def reported_pods(fleet: Fleet, region_id: str) -> Mapping[str, Pod]:
    """The reported pods of a region by id; none where the document does not know the region."""
    reported = fleet.regions.get(region_id)
    return reported.pods if reported else {}


def _refuse_drops(stored: StoredFleet, fleet: Fleet, max_drop_share: float) -> None:
    present: dict[str, HostIds] = {}
    for (region_id, _), pod in stored.pods.items():
        ids = present.setdefault(region_id, set())
        # Missing hosts were lost before: they must not make every later document look half empty.
        ids.update(h.id for d in pod.pod.domains for h in d.hosts if h.state is not HostState.MISSING)
    for region_id, before in sorted(present.items()):
        after = {h.id for p in reported_pods(fleet, region_id).values() for d in p.domains for h in d.hosts}
        lost = len(before - after)
        if lost > max_drop_share * len(before):
            raise FeedRefused(
                FeedRefusal.DROPS_TOO_MUCH,
                f"region {region_id}: {lost} of {len(before)} hosts would vanish,"
                f" more than a share of {max_drop_share:g}",
            )

"""What a sync of a document would change, computed without writing. Pure.

Uses ``FleetChanges`` like the sync, round by round, and assumes that every write succeeds and that ownership
does not change in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.inventory.fleet.changes import FleetChanges
from gpu_capacity.inventory.merge import Counts, StoredPod

if TYPE_CHECKING:
    from gpu_capacity.inventory.fleet.acceptance import Deferral, DropLimits
    from gpu_capacity.inventory.fleet.model import Fleet, PodKey, StoredFleet
    from gpu_capacity.inventory.model import Domain, Pod, Region


@dataclass(frozen=True, slots=True)
class Preview:
    """What a sync would change.

    Attributes:
        pods: the counts of each pod that would be written.
        touched: the held positions whose domain would change, by pod.
        deferred: the regions (with ``None`` as pod id) and pods that would be deferred, with the reason.
        waiting: the pods with hosts or positions that wait for a holder.
        regions: the catalogue entries that would be written, by region id; ``None`` for removed ones.
        lifted: the hosts whose quarantine would be lifted, by region id.
    """

    pods: dict[PodKey, Counts]
    touched: dict[PodKey, tuple[int, ...]]
    deferred: dict[tuple[str, str | None], Deferral]
    waiting: tuple[PodKey, ...]
    regions: dict[str, Region | None]
    lifted: dict[str, tuple[str, ...]]


def preview(fleet: Fleet, stored: StoredFleet, limits: DropLimits, rounds_max: int = 16) -> Preview:
    """Compute what a sync of the document would change. See ``SyncLimits`` for ``rounds_max``."""
    changes = FleetChanges(fleet, stored, limits)
    pods: dict[PodKey, Counts] = {}
    deferred: dict[tuple[str, str | None], Deferral] = {
        (region_id, None): deferral for region_id, deferral in changes.regions_deferred.items()
    }
    lifted = {}
    for before, after in changes.lifted():
        lifted[before.region_id] = tuple(sorted(before.quarantines.keys() - after.quarantines.keys()))
        changes.update_cordons(after)
    pending = changes.keys
    for _ in range(rounds_max):
        left = []
        wrote = False
        for key in pending:
            change, deferral = changes.of_pod(key)
            if deferral is not None and key[0] not in changes.regions_deferred:
                deferred[key] = deferral
            if change is None:
                continue
            known = changes.stored(key)
            if change.changed:
                wrote = True
                pods[key] = pods.get(key, Counts()) + change.counts
                held = known.held if known else frozenset()
                changes.update(key, StoredPod(change.pod, change.shape, held))
            if change.waiting:
                left.append(key)
        pending = left
        if not wrote:
            break
    return Preview(
        pods=pods,
        touched={
            key: found for key in pods if (found := _touched(stored.pods.get(key), changes.stored(key)))
        },
        deferred=deferred,
        waiting=tuple(pending),
        regions=dict(changes.of_regions()),
        lifted=lifted,
    )


def _touched(before: StoredPod | None, after: StoredPod | None) -> tuple[int, ...]:
    """The held positions whose domain differs."""
    if before is None or after is None:
        return ()
    then, now = _by_position(before.pod), _by_position(after.pod)
    return tuple(sorted(p for p in before.held if then.get(p) != now.get(p)))


def _by_position(pod: Pod) -> dict[int, Domain]:
    return {domain.position: domain for domain in pod.domains}

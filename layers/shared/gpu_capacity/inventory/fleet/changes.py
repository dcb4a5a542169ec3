"""The changes that a fleet document makes to an inventory, pod by pod and region by region. Pure.

The sync writes these changes and ``preview`` shows them, so both make the same decisions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from gpu_capacity.errors import FeedRefusal
from gpu_capacity.inventory.contradictions import Losses, contradiction, follow_losses
from gpu_capacity.inventory.cordons import Cordons
from gpu_capacity.inventory.fleet.acceptance import Deferral, regions_that_drop_too_much, reported_pods
from gpu_capacity.inventory.fleet.model import offering_of
from gpu_capacity.inventory.merge import flavor_after, merge
from gpu_capacity.inventory.text import fits_into_an_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.inventory.fleet.acceptance import DropLimits
    from gpu_capacity.inventory.fleet.model import Fleet, PodKey, StoredFleet
    from gpu_capacity.inventory.merge import PodChange, StoredPod
    from gpu_capacity.inventory.model import Domain, HostState, Region


class FleetChanges:
    """Compares a document with an inventory.

    The caller reports with ``update`` each pod that it has written or read again, so that later decisions use
    its current state.

    Args:
        fleet: the document.
        stored: the inventory as read.
        limits: how many hosts a region may lose.
    """

    def __init__(self, fleet: Fleet, stored: StoredFleet, limits: DropLimits) -> None:
        self._fleet = fleet
        self._regions = stored.regions
        self._unreadable = stored.unreadable
        self._cordons = dict(stored.cordons)
        self._pods: dict[PodKey, StoredPod] = {}
        self._place_of: dict[str, PodKey] = {}
        for key, pod in stored.pods.items():
            self.update(key, pod)
        self.regions_deferred = regions_that_drop_too_much(stored, fleet, limits)

    def update(self, key: PodKey, pod: StoredPod) -> None:
        """Replace what is known of a stored pod."""
        if known := self._pods.get(key):
            for host_id in _host_ids(known):
                if self._place_of.get(host_id) == key:
                    del self._place_of[host_id]
        self._pods[key] = pod
        self._place_of |= dict.fromkeys(_host_ids(pod), key)

    def cordons(self, region_id: str) -> Cordons:
        """What is out of sale in a region beside the document, as last read."""
        return self._cordons.get(region_id, Cordons(region_id))

    def lifted(self) -> list[tuple[Cordons, Cordons]]:
        """What is out of sale in regions, as last read and without the quarantines that the document lifts.

        A document that is deferred in a region lifts none there.
        """
        repaired = {
            host_id: repaired_at
            for region in self._fleet.regions.values()
            for host_id, repaired_at in region.repaired.items()
        }
        pairs = [
            (before, before.without_repaired(repaired))
            for region_id, before in sorted(self._cordons.items())
            if region_id not in self.regions_deferred
        ]
        return [(before, after) for before, after in pairs if after is not before]

    def update_cordons(self, cordons: Cordons) -> None:
        """Replace what is known of a region's cordons."""
        self._cordons[cordons.region_id] = cordons

    def stored(self, key: PodKey) -> StoredPod | None:
        """The stored pod as last read or written; ``None`` if there is none."""
        return self._pods.get(key)

    @property
    def unreadable(self) -> dict[PodKey, Deferral]:
        """Pods with an item in the inventory that cannot be read. They are not changed."""
        return {
            key: Deferral(FeedRefusal.UNREADABLE, "what the inventory has of it cannot be read")
            for key in self._unreadable
        }

    @property
    def keys(self) -> list[PodKey]:
        """Every pod that is stored or reported and can be read, in order."""
        reported = {(r, p) for r, region in self._fleet.regions.items() for p in region.pods}
        return sorted({*self._pods, *reported} - self._unreadable)

    def of_pod(self, key: PodKey) -> tuple[PodChange | None, Deferral | None]:
        """The change of a pod, ``None`` if there is nothing to write, and why it is deferred, if it is."""
        region_id, pod_id = key
        stored, reported = self._pods.get(key), reported_pods(self._fleet, region_id).get(pod_id)
        deferral = self.regions_deferred.get(region_id)
        if deferral is None and stored is not None:
            problem = contradiction(stored, reported, self._domain_places.get(region_id, {}))
            deferral = Deferral(FeedRefusal.MOVES_HARDWARE, problem) if problem else None
        if deferral is None:
            offering = offering_of(self._region_after(region_id), flavor_after(stored, reported))
            change = merge(stored, reported, offering, self._elsewhere(key), self.cordons(region_id))
            if not change.changed or fits_into_an_item(change.pod.domains):
                return change, None
            deferral = Deferral(FeedRefusal.POD_TOO_LARGE, "too many hosts for one pod; split it")
        if stored is None:
            return None, deferral
        offering = offering_of(self._region_after(region_id), stored.pod.flavor_id)
        losses = self._losses(key, deferral)
        return follow_losses(stored, losses, offering, self.cordons(region_id)), deferral

    def of_regions(self) -> Iterator[tuple[str, Region | None]]:
        """Yield (region id, new catalogue entry) in id order; ``None`` for an entry to be removed.

        A region that is no longer in the document is first withdrawn. A later run removes it, once it has no
        hardware and no holders. In between the filler can tell waiting capacity claims that the zone is not
        offered any more.
        """
        for region_id in sorted({*self._fleet.regions, *self._regions}):
            if region_id in self.regions_deferred:
                continue
            known, after = self._regions.get(region_id), self._region_after(region_id)
            if after is not None and after != known:
                yield region_id, after
            elif region_id not in self._fleet.regions and self._is_empty(region_id):
                yield region_id, None

    def _region_after(self, region_id: str) -> Region | None:
        stored, reported = self._regions.get(region_id), self._fleet.regions.get(region_id)
        if region_id in self.regions_deferred:
            return stored
        if reported is not None:
            return reported.region
        return replace(stored, withdrawn=True) if stored else None

    def _is_empty(self, region_id: str) -> bool:
        """Whether no pod of the region has hardware or holders, as far as pods can be read."""
        if any(region == region_id for region, _ in self._unreadable):
            return False
        return not any(
            pod.pod.domains or pod.held for (region, _), pod in self._pods.items() if region == region_id
        )

    def _elsewhere(self, key: PodKey) -> frozenset[str]:
        """Ids of the pod's reported hosts that the inventory has, or may have, in another pod.

        A host that is not found may be in a pod that cannot be read.
        """
        return frozenset(
            host.id
            for domain in self._reported(key)
            for host in domain.hosts
            if self._place_of.get(host.id, None if self._unreadable else key) != key
        )

    def _losses(self, key: PodKey, deferral: Deferral) -> Losses:
        present = None
        if deferral.code is FeedRefusal.MOVES_HARDWARE:
            present = {(d.position, h.slot, h.id) for d in self._reported(key) for h in d.hosts}
        cordoned = {
            domain.id
            for pod in reported_pods(self._fleet, key[0]).values()
            for domain in pod.domains
            if domain.cordoned
        }
        return Losses(self._states, cordoned, present)

    def _reported(self, key: PodKey) -> tuple[Domain, ...]:
        reported = reported_pods(self._fleet, key[0]).get(key[1])
        return reported.domains if reported else ()

    @cached_property
    def _domain_places(self) -> dict[str, dict[str, tuple[str, int]]]:
        return {
            region_id: {d.id: (p.id, d.position) for p in region.pods.values() for d in p.domains}
            for region_id, region in self._fleet.regions.items()
        }

    @cached_property
    def _states(self) -> dict[str, HostState]:
        return {
            host.id: host.state
            for region in self._fleet.regions.values()
            for pod in region.pods.values()
            for domain in pod.domains
            for host in domain.hosts
        }


def _host_ids(stored: StoredPod) -> list[str]:
    return [h.id for d in stored.pod.domains for h in d.hosts]

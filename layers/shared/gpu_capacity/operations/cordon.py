"""Cordon hardware and lift cordons, as operators do.

A cordon is recorded first. Then the shape of each pod that it covers is written again under a new version, so
that no request is accepted that was decided without it. If that is interrupted, the next sync does the rest,
because it writes shapes by the same rules. Who holds cordoned hardware keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.errors import InvalidRequest, NotFound, StorageUnavailable
from gpu_capacity.inventory.cordons import Cordon, Target
from gpu_capacity.inventory.fleet.model import offering_of
from gpu_capacity.inventory.merge import as_stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasFleet, HasPause, HasTelemetry
    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.fleet.model import PodKey, StoredFleet
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.inventory.model import Region
    from gpu_capacity.ports import Clock, Pause, Telemetry

    class Needs(HasClock, HasFleet, HasPause, HasTelemetry, Protocol):
        """What a cordoner works with."""


ATTEMPTS_MAX: Final = 8
"""Attempts to write one item while others write it, each after a jittered pause."""

REASON_BYTES_MAX: Final = 512
"""All cordons of a region are in one item of at most 400 KB: so it has room for some 500 of them."""


@dataclass(frozen=True, slots=True)
class CordonChange:
    """What came of a change: the region's cordons after it, and how many pods were written because of it."""

    cordons: Cordons
    pods_written: int


@dataclass(frozen=True, slots=True)
class Cordoner:
    """Sets and lifts cordons.

    Attributes:
        store: the fleet.
        telemetry: gets the audit lines.
        pause: between attempts.
        clock: for the time of a cordon.
        actor: who does it; goes into the cordon and the audit lines.
    """

    store: FleetStore
    telemetry: Telemetry
    pause: Pause
    clock: Clock
    actor: str

    @classmethod
    def of(cls, services: Needs, actor: str) -> Cordoner:
        """A cordoner with the collaborators of the use cases."""
        return cls(services.fleet, services.telemetry, services.pause, services.clock, actor)

    def cordon(self, region_id: str, target: Target, reason: str) -> CordonChange:
        """Take hardware out of sale. A cordon that the target has gets the new reason.

        Raises:
            InvalidRequest: there is no reason, or it is too long.
            NotFound: the inventory does not have the target.
            StorageUnavailable: others wrote first in every attempt. The cordon may be recorded; repeat it.
        """
        if not reason.strip():
            raise InvalidRequest("reason", "must say why the hardware is out of sale")
        if len(reason.encode()) > REASON_BYTES_MAX:
            raise InvalidRequest("reason", f"must have at most {REASON_BYTES_MAX} bytes")
        stored = self.store.read([region_id])
        if region_id not in stored.regions:
            raise NotFound("the region does not exist")
        if target != Target() and not _pods_of(stored, region_id, target):
            raise NotFound(f"{target} does not exist in the region")
        cordon = Cordon(target, reason, self.clock.now(), self.actor)
        cordons = self._change(
            region_id,
            lambda known: None if _has(known, target, reason) else known.with_cordon(cordon),
        )
        self.telemetry.audit(self.actor, "cordon", f"{region_id}: {target}", "set", reason=reason)
        return CordonChange(cordons, self._write_pods(stored, region_id, target))

    def uncordon(self, region_id: str, target: Target) -> CordonChange:
        """Lift the cordon of exactly this target. Cordons of the fleet document, and of other targets, stay.

        Capacity claims that wait for what is for sale again are served by the schedule of the filler.

        Raises:
            NotFound: no operator has cordoned this target.
            StorageUnavailable: others wrote first in every attempt. The cordon may be lifted; repeat it.
        """
        if self.store.cordons(region_id).of(target) is None:
            raise NotFound(f"no operator has cordoned {target}")
        stored = self.store.read([region_id])
        cordons = self._change(region_id, lambda known: known.without(target) if known.of(target) else None)
        self.telemetry.audit(self.actor, "uncordon", f"{region_id}: {target}", "lifted")
        return CordonChange(cordons, self._write_pods(stored, region_id, target))

    def _change(self, region_id: str, change: Callable[[Cordons], Cordons | None]) -> Cordons:
        """Change a region's cordons, as they are now; ``change`` returns None if they are as wanted."""
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                self.pause(attempt - 1)
            before = self.store.cordons(region_id)
            after = change(before)
            if after is None:
                return before
            if isinstance(self.store.write_cordons(before, after), Committed):
                return after
        raise StorageUnavailable("the cordons of the region stayed busy", outcome_unknown=False)

    def _write_pods(self, stored: StoredFleet, region_id: str, target: Target) -> int:
        """Write each pod that the target is in or has; returns how many had to change."""
        region = stored.regions.get(region_id)
        return sum(self._write_pod(region, key) for key in _pods_of(stored, region_id, target))

    def _write_pod(self, region: Region | None, key: PodKey) -> bool:
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                self.pause(attempt - 1)
            cordons, feed, pod = self.store.cordons(key[0]), self.store.feed(), self.store.read_pod(*key)
            if pod is None or feed is None:
                return False
            offering = offering_of(region, pod.pod.flavor_id)
            change = as_stored(pod, pod.pod.domains, offering, cordons=cordons)
            if not change.changed:
                return False
            if isinstance(self.store.write_pod(feed.sequence, pod, change, cordons), Committed):
                return True
        raise StorageUnavailable(f"pod {key[1]} stayed busy", outcome_unknown=False)


def _has(cordons: Cordons, target: Target, reason: str) -> bool:
    known = cordons.of(target)
    return known is not None and known.reason == reason


def _pods_of(stored: StoredFleet, region_id: str, target: Target) -> list[PodKey]:
    """The pods of the region that the target is in or has, in order."""
    return sorted(key for key, pod in stored.pods.items() if key[0] == region_id and target.is_in(pod.pod))

"""The writes of all that takes hardware out of sale, or back: cordons, quarantines, maintenances.

The entry is recorded first. Then the shape of each pod that it covers is written again under a new version,
so that no request is accepted that was decided without it. If that is interrupted, a repeat or the next sync
does the rest, because both compute shapes by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Committed, Refused
from gpu_capacity.errors import InvalidRequest, RaceLost, StorageUnavailable
from gpu_capacity.inventory.fleet.model import offering_of
from gpu_capacity.inventory.fleet.store import CORDONS
from gpu_capacity.inventory.merge import as_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.inventory.model import Region
    from gpu_capacity.ports import Pause

ATTEMPTS_MAX: Final = 8
"""Attempts to write one item while others write it, each after a jittered pause."""

ENTRIES_MAX: Final = 480
"""All entries of a region are in one item of at most 400 KB, and are read with each pod that is written. One
takes up to 800 bytes with the longest reason.
"""


def check_room(before: Cordons, after: Cordons) -> None:
    """Refuse more entries than a region has room for. Fewer than before are never refused.

    Raises:
        InvalidRequest: there is no room.
    """
    if len(after.entries) > max(ENTRIES_MAX, len(before.entries)):
        raise InvalidRequest("region", f"has at most {ENTRIES_MAX} cordons: lift some, or wider ones")


@dataclass(frozen=True, slots=True)
class CordonChange:
    """What came of a change: what is out of sale after it, and how many pods were written because of it."""

    cordons: Cordons
    pods_written: int


@dataclass(frozen=True, slots=True)
class CordonWriter:
    """Changes what is out of sale in a region.

    Attributes:
        store: the fleet.
        pause: between attempts.
    """

    store: FleetStore
    pause: Pause

    def change(self, region_id: str, change: Callable[[Cordons], Cordons | None], *beside: Action) -> Cordons:
        """Change what is out of sale, as it is now; ``change`` returns None if it is as wanted.

        Args:
            region_id: of the region.
            change: computes the next entries.
            beside: other actions of the same transaction.

        Raises:
            InvalidRequest: the region has no room for another entry.
            RaceLost: an action beside it was refused.
            StorageUnavailable: others wrote first in every attempt.
        """
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                self.pause(attempt - 1)
            before = self.store.cordons(region_id)
            after = change(before)
            if after is None:
                return before
            check_room(before, after)
            outcome = self.store.write_cordons(before, after, *beside)
            if isinstance(outcome, Committed):
                return after
            if isinstance(outcome, Refused) and outcome.items.keys() - {CORDONS}:
                raise RaceLost("what the change was decided on has changed")
        raise StorageUnavailable("the cordons of the region stayed busy", outcome_unknown=False)

    def write_pods(self, region_id: str, pods: Iterable[str]) -> int:
        """Write each of these pods whose shape has changed; returns how many had to be written.

        Raises:
            StorageUnavailable: others wrote a pod first in every attempt.
        """
        region = self.store.region(region_id)
        return sum(self._write_pod(region, region_id, pod_id) for pod_id in sorted(pods))

    def _write_pod(self, region: Region | None, region_id: str, pod_id: str) -> bool:
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                self.pause(attempt - 1)
            cordons, stored = self.store.cordons(region_id), self.store.read_pod(region_id, pod_id)
            if stored is None:
                return False
            offering = offering_of(region, stored.pod.flavor_id)
            change = as_stored(stored, stored.pod.domains, offering, cordons=cordons)
            if not change.changed:
                return False
            # Not under the sequence of a document: the version demands that the pod is as it was read.
            if isinstance(self.store.write_pod(None, stored, change, cordons), Committed):
                return True
        raise StorageUnavailable(f"pod {pod_id} stayed busy", outcome_unknown=False)

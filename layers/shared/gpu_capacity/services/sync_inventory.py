"""Keep the inventory true to the fleet manager's document.

1. Read the document and the inventory. Whatever forbids the document is found here, before any write.
2. Accept it: one conditional write, after which no run for an older document can write any more.
3. Read again, because such a run may have written in between; then bring each pod up to the document in a
   transaction of its own, merged anew whenever a claim came first.
4. Replace the catalogue entries of regions that changed.
5. Have those served who wait where a pod changed, even where the run ends early: sent again, the same
   document finds these pods as they should be.

Each step leaves a state from which the same document, sent again, does the rest. So nothing is undone when
a run is cut short; the schedule repeats it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.dynamodb.fleet_store import FEED, refuse_oversized
from gpu_capacity.errors import FeedRefusal, FeedRefused, StorageUnavailable
from gpu_capacity.fleet.acceptance import refuse_stale, refuse_unacceptable, reported_pods
from gpu_capacity.fleet.model import offering_of
from gpu_capacity.fleet.parsing import parse
from gpu_capacity.topology.merge import Counts, StoredPod, merge, refuse_moves

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.database import Outcome
    from gpu_capacity.dynamodb.fleet_store import FleetStore
    from gpu_capacity.fleet.model import Fleet, PodKey, StoredFleet
    from gpu_capacity.ports import CapacityEvents, FleetFeed, Pause, Telemetry
    from gpu_capacity.topology.merge import PodChange
    from gpu_capacity.topology.model import Region

ACTOR: Final = "inventory-sync"

_HOSTS_TOLD_MAX: Final = 20
"""Withheld hosts that a log line names; the metric counts all."""


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Bounds of one run.

    ``max_drop_share`` is 0 to 1. Five attempts a pod: each one lost means that somebody claimed or that a
    run for the same document wrote in these few milliseconds. Sixteen rounds: letting go of a pod's 1,000
    positions takes ten.
    """

    max_drop_share: float = 0.2
    attempts_max: int = 5
    rounds_max: int = 16


@dataclass(frozen=True, slots=True)
class FleetSync:
    """What the use case works with."""

    feed: FleetFeed
    store: FleetStore
    events: CapacityEvents
    telemetry: Telemetry
    pause: Pause
    limits: SyncLimits = SyncLimits()


@dataclass(frozen=True, slots=True)
class RegionReport:
    """What changed in a region.

    ``deferred`` names pods that another run has to finish, ``withheld`` the hosts that are not for sale
    where they are reported, because their old place or the slot there is not free.
    """

    region_id: str
    pods_changed: int = 0
    counts: Counts = field(default_factory=Counts)
    deferred: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How a run ended.

    ``refused`` tells why nothing was changed, ``message`` says so for people. ``superseded`` is true when
    a newer document was accepted on the way; the run that accepted it does the rest.
    """

    sequence: int | None = None
    refused: FeedRefusal | None = None
    message: str = ""
    superseded: bool = False
    regions: tuple[RegionReport, ...] = ()


class _Superseded(Exception):
    """The document is not in use any more."""


def sync_inventory(sync: FleetSync) -> SyncReport:
    """Read the feed and apply it.

    A refusal is returned and not raised: the scheduler would only repeat it, and the alarm is on the metric
    ``FeedRefused``.

    Raises:
        StorageUnavailable: the database failed; the same document, sent again, does the rest.
    """
    telemetry = sync.telemetry
    try:
        fleet = parse(sync.feed.read())
        stored = sync.store.read(fleet.regions)
        refuse_unacceptable(stored, fleet, sync.limits.max_drop_share)
        run = _Run(sync, fleet, stored)
        run.rehearse()
        run.accept()
    except FeedRefused as refusal:
        telemetry.count("FeedRefused", code=refusal.code.value)
        telemetry.warning("fleet document refused", code=refusal.code.value, reason=str(refusal))
        return SyncReport(refused=refusal.code, message=str(refusal))
    try:
        run.write_pods()
        run.write_regions()
    except _Superseded:
        telemetry.count("FeedSuperseded")
        telemetry.info("a newer fleet document was accepted meanwhile", sequence=fleet.sequence)
        report = replace(run.report(), superseded=True)
    except StorageUnavailable:
        _wake(sync.events, run.report())
        raise
    else:
        report = run.finished()
    _wake(sync.events, report)
    return report


def _wake(events: CapacityEvents, report: SyncReport) -> None:
    """Capacity may have appeared wherever a pod changed."""
    for region in report.regions:
        if region.pods_changed:
            events.freed(region.region_id)


class _Run:
    """One accepted document on its way into the inventory."""

    def __init__(self, sync: FleetSync, fleet: Fleet, stored: StoredFleet) -> None:
        self._store = sync.store
        self._telemetry = sync.telemetry
        self._pause = sync.pause
        self._limits = sync.limits
        self._fleet = fleet
        self._changed: dict[PodKey, Counts] = {}
        self._deferred: dict[PodKey, str] = {}
        self._withheld: dict[PodKey, tuple[str, ...]] = {}
        self._begin(stored)

    def _begin(self, stored: StoredFleet) -> None:
        self._stored = stored
        self._pods: dict[PodKey, StoredPod] = {}
        self._place_of: dict[str, PodKey] = {}
        self._deferred |= dict.fromkeys(stored.unreadable, "what the inventory has of it cannot be read")
        for key, pod in stored.pods.items():
            self._place(key, pod)

    def rehearse(self) -> None:
        """Merge every pod without writing, so that what cannot be stored is refused as a whole."""
        for key in self._keys():
            refuse_oversized(self._merged(key).pod)

    def accept(self) -> None:
        """Put the document in use, and look again at an inventory that older runs cannot change any more."""
        feed, fleet = self._stored.feed, self._fleet
        if feed and (feed.sequence, feed.digest) == (fleet.sequence, fleet.digest):
            return
        for attempt in range(self._limits.attempts_max):
            if attempt:
                self._pause(attempt - 1)
            outcome = self._store.accept(fleet)
            if not isinstance(outcome, Busy):
                break
        self._begin(self._store.read(fleet.regions))
        if not isinstance(outcome, Committed):
            if self._stored.feed:
                refuse_stale(self._stored.feed, fleet)
            raise StorageUnavailable("the accepted document stayed busy", outcome_unknown=False)
        self._audit("accept_document", "feed", sequence=fleet.sequence, digest=fleet.digest)

    def write_pods(self) -> None:
        """Bring all pods up to the document; those whose hardware waits for another pod, in later rounds."""
        pending = self._keys()
        for _ in range(self._limits.rounds_max):
            written = [(key, self._write_pod(key)) for key in pending]
            pending = [key for key, change in written if change and change.waiting]
            if not any(change and change.changed for _, change in written):
                break
        self._deferred |= dict.fromkeys(pending, "hardware is still recorded elsewhere, or its slot is held")

    def write_regions(self) -> None:
        """Replace the catalogue entries that changed."""
        for region_id, reported in sorted(self._fleet.regions.items()):
            if self._stored.regions.get(region_id) != reported.region:
                self._write_region(reported.region)

    def report(self) -> SyncReport:
        """What was done so far."""
        region_ids = sorted({*self._fleet.regions, *(region_id for region_id, _ in self._pods)})
        return SyncReport(
            sequence=self._fleet.sequence, regions=tuple(self._report(region_id) for region_id in region_ids)
        )

    def _report(self, region_id: str) -> RegionReport:
        changed = [counts for (region, _), counts in self._changed.items() if region == region_id]
        return RegionReport(
            region_id=region_id,
            pods_changed=len(changed),
            counts=sum(changed, Counts()),
            deferred=tuple(pod for region, pod in sorted(self._deferred) if region == region_id),
            withheld=tuple(
                sorted(
                    h for (region, _), hosts in self._withheld.items() if region == region_id for h in hosts
                )
            ),
        )

    def finished(self) -> SyncReport:
        """The whole report, told to the operator as well."""
        report = self.report()
        total = sum((region.counts for region in report.regions), Counts())
        self._telemetry.count("FeedApplied")
        metrics = {
            "HostsAdded": total.added,
            "HostsRemoved": total.removed,
            "HostsGoneUnhealthy": total.gone_unhealthy,
            "HostsRecovered": total.recovered,
            "HostsMissing": total.missing,
            "DomainsCordoned": total.cordoned,
            "PodsDeferred": len(self._deferred),
            "HostsWithheld": sum(len(region.withheld) for region in report.regions),
        }
        for metric, value in metrics.items():
            if value:
                self._telemetry.count(metric, value)
        for (region_id, pod_id), reason in sorted(self._deferred.items()):
            self._telemetry.warning(
                "pod deferred",
                region=region_id,
                pod=pod_id,
                reason=reason,
                hosts_withheld=list(self._withheld.get((region_id, pod_id), ())[:_HOSTS_TOLD_MAX]),
            )
        self._telemetry.info(
            "fleet document applied",
            sequence=report.sequence,
            pods_changed=sum(region.pods_changed for region in report.regions),
            pods_deferred=len(self._deferred),
            **asdict(total),
        )
        return report

    def _keys(self) -> list[PodKey]:
        reported = {(r, p) for r, region in self._fleet.regions.items() for p in region.pods}
        return sorted({*self._pods, *reported} - self._stored.unreadable)

    def _merged(self, key: PodKey) -> PodChange:
        region_id, pod_id = key
        stored = self._pods.get(key)
        reported = reported_pods(self._fleet, region_id).get(pod_id)
        told = self._fleet.regions.get(region_id)
        region = told.region if told else self._stored.regions.get(region_id)
        flavor_ids = [pod.flavor_id for pod in (stored.pod if stored else None, reported) if pod]
        reported_hosts = [h.id for d in (reported.domains if reported else ()) for h in d.hosts]
        return merge(
            stored,
            reported,
            offering_of(region, flavor_ids[0]),
            elsewhere={h for h in reported_hosts if not self._may_stand_in(key, h)},
        )

    def _may_stand_in(self, key: PodKey, host_id: str) -> bool:
        """Whether the inventory has a host in no other pod; a new one may be in one that cannot be read."""
        place = self._place_of.get(host_id)
        return place == key or (place is None and not self._stored.unreadable)

    def _write_pod(self, key: PodKey) -> PodChange | None:
        """The change that stands, or ``None`` where the pod was deferred."""
        for attempt in range(self._limits.attempts_max):
            if attempt:
                self._pause(attempt - 1)
                self._reread(key)
            stored = self._pods.get(key)
            try:
                # Judged once more: a claim may have come in since, and its hardware must not move.
                if stored:
                    refuse_moves(stored, reported_pods(self._fleet, key[0]))
            except FeedRefused as refusal:
                self._deferred[key] = str(refusal)
                return None
            change = self._merged(key)
            self._withheld[key] = change.withheld
            if not change.changed:
                return change
            outcome = self._store.write_pod(self._fleet.sequence, stored, change)
            if isinstance(outcome, Committed):
                self._note(key, change)
                return change
            _stop_if_superseded(outcome)
        self._deferred[key] = "others wrote first in every attempt"
        return None

    def _reread(self, key: PodKey) -> None:
        stored = self._store.read_pod(*key)
        if stored:
            self._place(key, stored)

    def _note(self, key: PodKey, change: PodChange) -> None:
        """Remember what was written, and tell."""
        region_id, pod_id = key
        held = self._pods[key].held if key in self._pods else frozenset()
        self._place(key, StoredPod(change.pod, change.shape, held))
        self._deferred.pop(key, None)
        self._changed[key] = self._changed.get(key, Counts()) + change.counts
        self._audit(
            "change_pod", f"{region_id}/{pod_id}", version=change.pod.version, **asdict(change.counts)
        )

    def _place(self, key: PodKey, stored: StoredPod) -> None:
        if known := self._pods.get(key):
            for host_id in _host_ids(known):
                if self._place_of.get(host_id) == key:
                    del self._place_of[host_id]
        self._pods[key] = stored
        self._place_of |= dict.fromkeys(_host_ids(stored), key)

    def _write_region(self, region: Region) -> None:
        for attempt in range(self._limits.attempts_max):
            if attempt:
                self._pause(attempt - 1)
            outcome = self._store.write_region(self._fleet.sequence, region)
            if isinstance(outcome, Committed):
                self._audit("change_region", region.id, observed_at=region.observed_at)
                return
            _stop_if_superseded(outcome)
        raise StorageUnavailable("the catalogue stayed busy", outcome_unknown=False)

    def _audit(self, action: str, target: str, **details: object) -> None:
        self._telemetry.audit(ACTOR, action, target, "applied", **details)


def _host_ids(stored: StoredPod) -> list[str]:
    return [h.id for d in stored.pod.domains for h in d.hosts]


def _stop_if_superseded(outcome: Outcome) -> None:
    if isinstance(outcome, Refused) and FEED in outcome.items:
        raise _Superseded

"""Changes the inventory to match the fleet manager's document.

1. Read the document and the inventory. Refuse the document here, before any write, if it must not be applied
   as a whole.
2. Accept the document with one conditional write. After that no run for an older document can write.
3. Read the inventory again, because an older run may have written in between. Lift the quarantines of hosts
   that the document reports as repaired since. Then change each pod in a
   transaction of its own; if a holder took or released hardware first, decide again. Regions and pods that
   must not follow the document are deferred: only losses are applied to them.
4. Replace the catalogue entries of regions that changed. Entries of regions that are no longer in the
   document take two runs to be removed.

After each step the same document, sent again, completes the rest. So nothing is undone after an interrupted
run; the schedule repeats it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.errors import FeedRefusal, FeedRefused, StorageUnavailable
from gpu_capacity.inventory.fleet.acceptance import Deferral, DropLimits, check_acceptable
from gpu_capacity.inventory.fleet.changes import FleetChanges
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.fleet.store import FEED
from gpu_capacity.inventory.merge import Counts, StoredPod

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.database import Outcome
    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.fleet.model import Fleet, PodKey, StoredFleet
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.inventory.merge import PodChange
    from gpu_capacity.inventory.model import Region
    from gpu_capacity.ports import CapacityEvents, Clock, FleetFeed, Pause, Telemetry

ACTOR: Final = "inventory-sync"

HOSTS_LOGGED_MAX: Final = 20
"""Withheld hosts that a log line names. The metric counts all of them."""


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Limits of one run.

    Five attempts for a pod: an attempt fails only if a holder took hardware, or another run for the same
    document wrote, within a few milliseconds. Sixteen rounds: vacating the 1,000 positions of a pod takes
    ten.
    """

    drops: DropLimits = field(default_factory=DropLimits)
    attempts_max: int = 5
    rounds_max: int = 16


@dataclass(frozen=True, slots=True)
class FleetSync:
    """The collaborators of the use case."""

    feed: FleetFeed
    store: FleetStore
    events: CapacityEvents
    telemetry: Telemetry
    pause: Pause
    clock: Clock
    limits: SyncLimits = field(default_factory=SyncLimits)


@dataclass(frozen=True, slots=True)
class PartReport:
    """A deferred region, or a deferred pod of it if ``pod_id`` is set, and the reason."""

    region_id: str
    pod_id: str | None
    code: FeedRefusal
    reason: str


@dataclass(frozen=True, slots=True)
class RegionReport:
    """What changed in a region.

    ``deferred`` names pods that another run has to finish. ``withheld`` names hosts that are not sold in
    their reported place, because their old place or the slot there is not free. ``catalogue`` says what
    happened to the catalogue entry: ``changed``, ``withdrawn``, ``removed``, or empty. ``lifted`` names hosts
    whose quarantine ended.
    """

    region_id: str
    pods_changed: int = 0
    counts: Counts = field(default_factory=Counts)
    deferred: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    catalogue: str = ""
    lifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The result of a run.

    ``refused`` is the reason why nothing was changed, if so, and ``message`` explains it. ``superseded`` is
    true if a newer document was accepted during the run; the run that accepted it does the rest.
    ``parts_deferred`` has the regions and pods that the document contradicts; they stay deferred until the
    document or the inventory changes.
    """

    sequence: int | None = None
    refused: FeedRefusal | None = None
    message: str = ""
    superseded: bool = False
    regions: tuple[RegionReport, ...] = ()
    parts_deferred: tuple[PartReport, ...] = ()


class _Superseded(Exception):
    """A newer document was accepted."""


def sync_inventory(sync: FleetSync) -> SyncReport:
    """Read the feed and apply the document.

    A refusal is returned and not raised, because the scheduler would only repeat the run. The alarm is on the
    metric ``FeedRefused``.

    Raises:
        StorageUnavailable: the database failed. The next run for the same document completes the rest.
    """
    telemetry = sync.telemetry
    try:
        fleet = parse(sync.feed.read())
        stored = sync.store.read(fleet.regions)
        check_acceptable(stored.feed, fleet, sync.clock.now())
        run = _Run(sync, fleet, _accept(sync, fleet, stored))
    except FeedRefused as refusal:
        telemetry.count("FeedRefused", code=refusal.code.value)
        telemetry.warning("fleet document refused", code=refusal.code.value, reason=str(refusal))
        return SyncReport(refused=refusal.code, message=str(refusal))
    try:
        run.lift_quarantines()
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
        report = _report_applied(telemetry, run)
    _wake(sync.events, report)
    return report


def _wake(events: CapacityEvents, report: SyncReport) -> None:
    """Send an event for each zone where capacity may have appeared, or that may not be offered any more."""
    for region in report.regions:
        if region.pods_changed or region.catalogue:
            events.freed(region.region_id)


def _accept(sync: FleetSync, fleet: Fleet, stored: StoredFleet) -> StoredFleet:
    """Accept the document, and return the inventory as read after that: older runs cannot change it."""
    feed = stored.feed
    if feed and (feed.sequence, feed.digest) == (fleet.sequence, fleet.digest):
        return stored
    for attempt in range(sync.limits.attempts_max):
        if attempt:
            sync.pause(attempt - 1)
        outcome = sync.store.accept(fleet)
        if not isinstance(outcome, Busy):
            break
    stored = sync.store.read(fleet.regions)
    if not isinstance(outcome, Committed):
        check_acceptable(stored.feed, fleet, sync.clock.now())
        raise StorageUnavailable("the accepted document stayed busy", outcome_unknown=False)
    sync.telemetry.audit(
        ACTOR, "accept_document", "feed", "applied", sequence=fleet.sequence, digest=fleet.digest
    )
    return stored


class _Run:
    """Applies one accepted document."""

    def __init__(self, sync: FleetSync, fleet: Fleet, stored: StoredFleet) -> None:
        self._store = sync.store
        self._telemetry = sync.telemetry
        self._pause = sync.pause
        self._limits = sync.limits
        self._fleet = fleet
        self._changes = FleetChanges(fleet, stored, sync.limits.drops)
        self._changed: dict[PodKey, Counts] = {}
        self._catalogue: dict[str, str] = {}
        self._parts: dict[PodKey, Deferral] = self._changes.unreadable
        self.deferred: dict[PodKey, str] = {}
        self.withheld: dict[PodKey, tuple[str, ...]] = {}
        self._lifted: dict[str, tuple[str, ...]] = {}

    def lift_quarantines(self) -> None:
        """Lift the quarantines of hosts that were repaired since. Pods are written after it.

        Raises:
            StorageUnavailable: others changed what is out of sale in every attempt.
        """
        for attempt in range(self._limits.attempts_max):
            if attempt:
                self._pause(attempt - 1)
            pairs = self._changes.lifted()
            for before, after in pairs:
                if isinstance(self._store.write_cordons(before, after), Committed):
                    self._note_lifted(before, after)
                else:
                    self._changes.update_cordons(self._store.cordons(before.region_id))
            if not pairs:
                return
        raise StorageUnavailable("what is out of sale stayed busy", outcome_unknown=False)

    def _note_lifted(self, before: Cordons, after: Cordons) -> None:
        self._changes.update_cordons(after)
        hosts = tuple(sorted(before.quarantines.keys() - after.quarantines.keys()))
        self._lifted[before.region_id] = (*self._lifted.get(before.region_id, ()), *hosts)
        for host_id in hosts:
            self._audit("lift_quarantine", f"{before.region_id}: host {host_id}")

    def write_pods(self) -> None:
        """Change all pods. Pods whose hardware waits for another pod are changed again in later rounds."""
        pending = self._changes.keys
        for _ in range(self._limits.rounds_max):
            written = [(key, self._write_pod(key)) for key in pending]
            pending = [key for key, change in written if change and change.waiting]
            if not any(change and change.changed for _, change in written):
                break
        self.deferred |= dict.fromkeys(pending, "hardware is still recorded elsewhere, or its slot is held")

    def write_regions(self) -> None:
        """Replace the catalogue entries that changed."""
        for region_id, region in self._changes.of_regions():
            self._write_region(region_id, region)

    def report(self) -> SyncReport:
        """The report about what was done so far."""
        regions = {region_id for region_id, _ in self._changes.keys}
        region_ids = sorted({*self._fleet.regions, *self._catalogue, *self._lifted, *regions})
        dropped = self._changes.regions_deferred
        parts = [PartReport(region_id, None, d.code, d.reason) for region_id, d in dropped.items()]
        parts += [
            PartReport(region_id, pod_id, d.code, d.reason)
            for (region_id, pod_id), d in self._parts.items()
            if region_id not in dropped
        ]
        return SyncReport(
            sequence=self._fleet.sequence,
            regions=tuple(self._report(region_id) for region_id in region_ids),
            parts_deferred=tuple(sorted(parts, key=lambda part: (part.region_id, part.pod_id or ""))),
        )

    def _report(self, region_id: str) -> RegionReport:
        changed = [counts for (region, _), counts in self._changed.items() if region == region_id]
        withheld = [h for (region, _), hosts in self.withheld.items() if region == region_id for h in hosts]
        return RegionReport(
            region_id=region_id,
            pods_changed=len(changed),
            counts=sum(changed, Counts()),
            deferred=tuple(pod for region, pod in sorted(self.deferred) if region == region_id),
            withheld=tuple(sorted(withheld)),
            catalogue=self._catalogue.get(region_id, ""),
            lifted=self._lifted.get(region_id, ()),
        )

    def _write_pod(self, key: PodKey) -> PodChange | None:
        """Write a pod. Returns the change; ``None`` if there is none or if every attempt lost a race."""
        for attempt in range(self._limits.attempts_max):
            if attempt:
                self._pause(attempt - 1)
                self._reread(key)
            # Decide again in each attempt: a new holder may own hardware now, which must not move, and an
            # operator may have cordoned some.
            stored, (change, deferral) = self._changes.stored(key), self._changes.of_pod(key)
            self._parts.pop(key, None)
            if deferral is not None:
                self._parts[key] = deferral
            if change is None:
                return None
            self.withheld[key] = change.withheld
            if not change.changed:
                return change
            cordons = self._changes.cordons(key[0])
            outcome = self._store.write_pod(self._fleet.sequence, stored, change, cordons)
            if isinstance(outcome, Committed):
                self._note(key, stored, change)
                return change
            _stop_if_superseded(outcome)
        self.deferred[key] = "others wrote first in every attempt"
        return None

    def _reread(self, key: PodKey) -> None:
        self._changes.update_cordons(self._store.cordons(key[0]))
        stored = self._store.read_pod(*key)
        if stored:
            self._changes.update(key, stored)

    def _note(self, key: PodKey, before: StoredPod | None, change: PodChange) -> None:
        """Record what was written, also in the audit log."""
        region_id, pod_id = key
        held, stamps = (before.held, before.stamps) if before else (frozenset(), {})
        self._changes.update(key, StoredPod(change.pod, change.shape, held, stamps))
        self.deferred.pop(key, None)
        self._changed[key] = self._changed.get(key, Counts()) + change.counts
        self._audit(
            "change_pod", f"{region_id}/{pod_id}", version=change.pod.version, **asdict(change.counts)
        )

    def _write_region(self, region_id: str, region: Region | None) -> None:
        for attempt in range(self._limits.attempts_max):
            if attempt:
                self._pause(attempt - 1)
            if region is None:
                outcome = self._store.remove_region(self._fleet.sequence, region_id)
            else:
                outcome = self._store.write_region(self._fleet.sequence, region)
            if isinstance(outcome, Committed):
                self._note_region(region_id, region)
                return
            _stop_if_superseded(outcome)
        raise StorageUnavailable("the catalogue stayed busy", outcome_unknown=False)

    def _note_region(self, region_id: str, region: Region | None) -> None:
        if region is None:
            self._catalogue[region_id] = "removed"
            self._audit("remove_region", region_id)
        elif region.withdrawn:
            self._catalogue[region_id] = "withdrawn"
            self._audit("withdraw_region", region_id)
        else:
            self._catalogue[region_id] = "changed"
            self._audit("change_region", region_id, observed_at=region.observed_at)

    def _audit(self, action: str, target: str, **details: object) -> None:
        self._telemetry.audit(ACTOR, action, target, "applied", **details)


def _report_applied(telemetry: Telemetry, run: _Run) -> SyncReport:
    """The report of a complete run, which is also sent to metrics and logs."""
    report, deferred = run.report(), run.deferred
    total = sum((region.counts for region in report.regions), Counts())
    telemetry.count("FeedApplied")
    metrics = {
        "HostsAdded": total.added,
        "HostsRemoved": total.removed,
        "HostsGoneUnhealthy": total.gone_unhealthy,
        "HostsRecovered": total.recovered,
        "HostsMissing": total.missing,
        "DomainsCordoned": total.cordoned,
        "PodsDeferred": len(deferred),
        "HostsWithheld": sum(len(region.withheld) for region in report.regions),
        "QuarantinesLifted": sum(len(region.lifted) for region in report.regions),
    }
    for metric, value in metrics.items():
        if value:
            telemetry.count(metric, value)
    for part in report.parts_deferred:
        telemetry.count("FleetPartsDeferred", code=part.code.value)
        telemetry.warning(
            "part of the fleet document deferred",
            region=part.region_id,
            pod=part.pod_id,
            code=part.code.value,
            reason=part.reason,
        )
    for (region_id, pod_id), reason in sorted(deferred.items()):
        telemetry.warning(
            "pod deferred",
            region=region_id,
            pod=pod_id,
            reason=reason,
            hosts_withheld=list(run.withheld.get((region_id, pod_id), ())[:HOSTS_LOGGED_MAX]),
        )
    telemetry.info(
        "fleet document applied",
        sequence=report.sequence,
        pods_changed=sum(region.pods_changed for region in report.regions),
        pods_deferred=len(deferred),
        parts_deferred=len(report.parts_deferred),
        **asdict(total),
    )
    return report


def _stop_if_superseded(outcome: Outcome) -> None:
    if isinstance(outcome, Refused) and FEED in outcome.items:
        raise _Superseded

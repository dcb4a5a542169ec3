"""Compares what holders should have at their providers with what these list.

    list everything → walk over all holders → for each suspicion ask the provider about that owner → repair

Lists are not of one moment, so a difference is only a suspicion until the provider was asked about its owner
alone. A run has a budget of calls and the time of its invocation. Where it stops, the next one goes on; if
the lists alone are too long for it, each holder is asked about by itself. Everything that a run writes is
conditional, so two runs at a time do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.holders.records import SKIPPED_ERRORS, report_skipped
from gpu_capacity.reservations.record import Status
from gpu_capacity.times import rfc3339
from gpu_capacity.upkeep.watch.listing import Budget, listed
from gpu_capacity.upkeep.watch.placements import watch_placement
from gpu_capacity.upkeep.watch.reservations import watch_reservation
from gpu_capacity.upkeep.watch.store import Sighted
from gpu_capacity.upkeep.watch.unowned import unowned_in
from gpu_capacity.upkeep.watch.vms import watch_vm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.holders.held import HeldEntry, HeldIndex
    from gpu_capacity.holders.roles import (
        HasClock,
        HasDeadline,
        HasInventory,
        HasPause,
        HasProvider,
        HasQuarantine,
        HasTelemetry,
        HasVmProvider,
        HasWorkflows,
    )
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.upkeep.watch.listing import Listed
    from gpu_capacity.upkeep.watch.store import WatchStore
    from gpu_capacity.vms.roles import HasVms

    class Needs(
        HasClock,
        HasDeadline,
        HasInventory,
        HasPause,
        HasPlacements,
        HasProvider,
        HasQuarantine,
        HasReservations,
        HasTelemetry,
        HasVmProvider,
        HasVms,
        HasWorkflows,
        Protocol,
    ):
        """What the functions of this module work with."""

        @property
        def held(self) -> HeldIndex:
            """The index of all holders."""

        @property
        def watch(self) -> WatchStore:
            """Where the last run stopped."""


BATCH: Final = 100
"""Holders whose records are read together."""

LINES_MAX: Final = 20
"""Log lines about things that nobody owns in one run."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a run looked at and found. ``complete``: it has looked at the last holder."""

    looked_at: int
    amiss: int
    unowned: int
    complete: bool


@dataclass(slots=True)
class _Walk:
    """A walk over holders. ``owners`` are the names under which providers know those it has seen."""

    looked_at: int = 0
    amiss: int = 0
    owners: set[str] = field(default_factory=set)
    stopped_at: HeldEntry | None = None


def watch_providers(services: Needs) -> WatchReport:
    """Look at as many holders as the budget allows, and repair what is amiss.

    Raises:
        StorageUnavailable: the database did not answer; the next run begins where this one did.
    """
    before = services.watch.read()
    budget = Budget(services.deadline)
    lists = listed(services, budget)
    walk = _walk(services, before.after, lists, budget)
    complete = walk.stopped_at is None
    unowned = before.unowned
    if lists is not None and complete and before.after is None:
        unowned = _report_unowned(services, lists, walk.owners, before.unowned)
    services.watch.write(Sighted(walk.stopped_at, unowned))
    report = WatchReport(walk.looked_at, walk.amiss, len(unowned), complete)
    services.telemetry.count("HoldersWatched", report.looked_at)
    services.telemetry.count("HoldersAmiss", report.amiss)
    services.telemetry.count("ProviderUnowned", report.unowned)
    return report


def _walk(services: Needs, after: HeldEntry | None, lists: Listed | None, budget: Budget) -> _Walk:
    """Look at holders from where the last run stopped."""
    walk = _Walk(stopped_at=after)
    regions = [region.id for region in services.inventory.regions()]
    entries = services.held.entries(regions, after=after)
    while batch := list(islice(entries, BATCH)):
        if budget.is_spent:
            return walk
        _look_at(services, batch, walk, lists, budget)
        walk.stopped_at = batch[-1]
    walk.stopped_at = None
    return walk


def _look_at(
    services: Needs, batch: Sequence[HeldEntry], walk: _Walk, lists: Listed | None, budget: Budget
) -> None:
    reservations = list(services.reservations.many(_named(batch, keys.RESERVATION_PREFIX)))
    placements = list(services.placements.many(_named(batch, keys.PLACEMENT_PREFIX)))
    vms = list(services.vms.many(_named(batch, keys.VM_PREFIX)))
    walk.owners.update(owner for one in reservations for owner in one.hold_owners)
    walk.owners.update(one.server_owner for one in placements)
    walk.owners.update(vm.server_owner for vm in vms)
    walk.looked_at += len(batch)
    whole = [r for r in reservations if r.status is Status.PROVISIONED and r.pod_id is not None]
    pods = services.inventory.pods({(r.region_id, r.pod_id or "") for r in whole}) if whole else {}
    quarantined = services.inventory.quarantines({r.region_id for r in whole}, consistent=True)

    for one in whole:
        if (pod := pods.get((one.region_id, one.pod_id or ""))) is not None:
            look = partial(watch_reservation, services, one, pod, lists, quarantined.keys(), budget)
            _try(services, walk, one.id, look)
    for placement in placements:
        _try(services, walk, placement.id, partial(watch_placement, services, placement, lists, budget))
    for vm in vms:
        _try(services, walk, vm.id, partial(watch_vm, services, vm, lists, budget))


def _named(batch: Iterable[HeldEntry], prefix: str) -> list[tuple[str, str]]:
    """The keys of the holders of a kind."""
    return [
        (entry.organization_id, entry.sort_key.removeprefix(prefix))
        for entry in batch
        if entry.sort_key.startswith(prefix)
    ]


def _try(services: Needs, walk: _Walk, holder_id: str, look: Callable[[], bool]) -> None:
    """Look at one holder; what cannot be asked or read now is left to the next run."""
    try:
        walk.amiss += look()
    except ProviderUnavailable as error:
        services.telemetry.warning("holder not looked at", holder=holder_id, reason=str(error))
    except SKIPPED_ERRORS as error:
        report_skipped(services.telemetry, error, holder_id)


def _report_unowned(
    services: Needs, lists: Listed, owners: set[str], known: Mapping[str, int]
) -> dict[str, int]:
    """Log what nobody owns, with its age, from its second sighting on. Returns when each was seen first."""
    now = services.clock.now()
    found = unowned_in(lists, owners, known, now)
    old = [one for one in found if not one.is_new]
    for one in old[:LINES_MAX]:
        services.telemetry.warning(
            "a provider has what nobody owns",
            what=one.what,
            since=rfc3339(one.since),
            age_seconds=now - one.since,
        )
    return {one.what: known.get(one.what, now) for one in found}

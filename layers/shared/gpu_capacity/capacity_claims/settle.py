"""Settle capacity claims: make what they own match their records, one atomic round at a time.

The record is the intent. A round reads it and does the next step: remove a deleted claim that owns nothing,
give back surplus hosts, or allocate pending instances. Each round is one transaction over the pods that it
writes and the record, so a claim is never half written, and a process that dies leaves nothing to repair.

Order among claims: a claim takes hosts of a zone only while it is the oldest claim that waits there for the
same instance type. It takes all that it can use, so a younger claim could not have used what is left. The
transaction demands that no older claim has returned to the queue since. A claim that leaves a queue causes
the next one to be served.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.record import (
    Allocation,
    CapacityClaim,
    ClaimStatus,
    ZoneReason,
    conditions_of,
    settled_status,
)
from gpu_capacity.capacity_claims.rounds import (
    DOMAINS_PER_POD_ROUND_MAX,
    DOMAINS_PER_ROUND_MAX,
    PODS_PER_ROUND_MAX,
    to_give_back,
)
from gpu_capacity.capacity_claims.store import RETURNS_LABEL
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.host_writes import POD_LABEL, change_parts, with_hosts, without_hosts
from gpu_capacity.holders.store import RECORD
from gpu_capacity.inventory.bookings import new_tag
from gpu_capacity.placement.hosts import HostRequest, RoundBudget, free_hosts, place_hosts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.dynamodb.writes import Update
    from gpu_capacity.holders.roles import HasClock, HasEvents, HasIds, HasInventory, HasPause, HasTelemetry
    from gpu_capacity.inventory.snapshot import Snapshot
    from gpu_capacity.placement.hosts import HostDomain

    class Needs(HasClaims, HasClock, HasEvents, HasIds, HasInventory, HasPause, HasTelemetry, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Rounds that a run may lose to rivals before it stops; the workflow or the schedule continues."""


ROUND_BUDGET: Final = RoundBudget(PODS_PER_ROUND_MAX, DOMAINS_PER_ROUND_MAX, DOMAINS_PER_POD_ROUND_MAX)

ACTOR: Final = "settle-capacity-claim"


class Step(StrEnum):
    """The result of a round.

    ``AGAIN``: more can be done at once. ``SETTLED``: nothing is left to do. ``WAITING``: instances are
    pending, and only more capacity helps. ``GONE``: the claim does not exist any more.
    """

    AGAIN = "again"
    SETTLED = "settled"
    WAITING = "waiting"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A round that allocates: the additional hosts, and the writes that take them.

    ``turns`` has, for each zone that hosts are taken from, the returns of its queue as read: the write
    demands that they are unchanged. ``reasons`` has what the conditions will say of each zone. ``more``: the
    limits of one transaction left free hosts over, so another round can go on.
    """

    allocations: tuple[Allocation, ...]
    pods: tuple[Update, ...]
    turns: Mapping[str, int]
    reasons: dict[str, ZoneReason]
    more: bool


@dataclass(frozen=True, slots=True)
class _Supply:
    """What a zone has of an instance type, over all flavors that are sold as this type."""

    domains: list[HostDomain]
    snapshots: Mapping[str, tuple[str, Snapshot]]
    """By pod id: its flavor, and the snapshot that has the pod."""


def settle_capacity_claim(
    services: Needs, organization_id: str, claim_id: str, *, serving: str | None = None
) -> Step:
    """Do the next round of a claim. Idempotent: a repeat finds less to do, or nothing.

    Args:
        services: collaborators.
        organization_id: the claim's organization.
        claim_id: the claim.
        serving: the zone whose queue the caller itself goes on to serve, so that no event is sent for it.

    Raises:
        StorageUnavailable: a read or a write failed, or record and pod disagree for another reason than a
            race.
    """
    for attempt in range(ATTEMPTS_MAX):
        claim = services.claims.get(organization_id, claim_id)
        if claim is None:
            return Step.GONE
        if claim.status is ClaimStatus.DELETING and not claim.allocations:
            step = _remove(services, claim)
        elif claim.status is ClaimStatus.DELETING or claim.surplus:
            step = _give_back(services, claim)
        elif claim.pending:
            step = _fill(services, claim, attempt, serving)
        else:
            return Step.SETTLED
        if step is not None:
            return step
        services.pause(attempt)
    return Step.AGAIN


def _remove(services: Needs, claim: CapacityClaim) -> Step | None:
    """Remove the record of a deleted claim that owns nothing; None if the round lost a race."""
    if not _is_written(services, services.claims.end(claim, services.clock.now())):
        return None
    _audit(services, claim, "gone")
    services.telemetry.count("CapacityClaimsRemoved")
    # The DELETE request took it out of its queues, and served no claim that waited behind it.
    wake_next(services, claim.instance_id, claim.zones)
    return Step.GONE


def _give_back(services: Needs, claim: CapacityClaim) -> Step | None:
    """Do one round of giving back; None if it lost a race.

    Takes this claim's hosts out of each domain, and demands that the domain is as it was read.
    """
    giving = to_give_back(claim)
    snapshots = _snapshots(services, giving)
    pods = []
    for (zone, flavor_id, pod_id), allocations in _by_pod(giving).items():
        ownership = snapshots[zone, flavor_id].ownership.get(pod_id)
        parts = ownership.parts if ownership else {}
        missing = [a for a in allocations if parts.get(a.position, {}).get(claim.tag, 0) & a.hosts != a.hosts]
        if missing:
            _check_rival_changed(services, claim)
            return None
        changes = {
            a.position: (parts[a.position], without_hosts(parts[a.position], claim.tag, a.hosts))
            for a in allocations
        }
        place = (zone, flavor_id, pod_id)
        pods.append(change_parts(services.inventory.table, place, changes, None, _stamp(services)))
    after = _written(services, claim.without_hosts(giving), {})
    if not _change(services, claim, after, pods, {}):
        return None
    _audit(services, claim, "given back", instances=sum(a.count for a in giving))
    for zone in sorted({a.zone for a in giving}):
        services.events.freed(zone)
    return _next(after)


def _fill(services: Needs, claim: CapacityClaim, attempt: int, serving: str | None) -> Step | None:
    """Do one round of allocating, zone by zone in the order of preference; None if it lost a race."""
    plan = _plan(services, claim, attempt)
    after = _written(services, claim.with_hosts(plan.allocations), plan.reasons)
    if not plan.allocations and after == claim:
        return Step.AGAIN if plan.more else Step.WAITING
    if not _change(services, claim, after, plan.pods, plan.turns):
        return None
    if plan.allocations:
        taken = sum(a.count for a in plan.allocations)
        _audit(services, claim, "allocated", instances=taken)
        services.telemetry.count("InstancesAllocated", taken)
    wake_next(services, claim.instance_id, claim.waits_in - after.waits_in - {serving})
    if after.pending == 0:
        return _next(after)
    return Step.AGAIN if plan.more else Step.WAITING


def wake_next(services: Needs, instance_id: str, zones: Iterable[str | None]) -> None:
    """Send an event for each zone whose queue a claim just left, if other claims wait there.

    The claim may have left capacity that they can use. The filler serves them.
    """
    for zone in sorted(zone for zone in zones if zone is not None):
        if services.claims.head_of_queue(zone, instance_id).holder is not None:
            services.events.freed(zone)


def planned(services: Needs, claim: CapacityClaim) -> CapacityClaim:
    """An unrecorded claim as its first round would make it. Writes nothing."""
    plan = _plan(services, claim, 0)
    return _written(services, claim.with_hosts(plan.allocations), plan.reasons)


def _plan(services: Needs, claim: CapacityClaim, attempt: int) -> _Plan:
    """Choose hosts for what is pending.

    Args:
        services: collaborators.
        claim: what to allocate for.
        attempt: how many races this run has lost; later attempts choose other hosts than their rivals.
    """
    wanted, budget, more = claim.pending, ROUND_BUDGET, False
    allocations: list[Allocation] = []
    pods: list[Update] = []
    turns: dict[str, int] = {}
    reasons: dict[str, ZoneReason] = {}
    for zone in claim.zones:
        if wanted == 0:
            break
        if budget.is_used_up:
            more = True
            break
        if not _is_offered(services, zone, claim.instance_id):
            reasons[zone] = ZoneReason.NOT_OFFERED
            continue
        head = services.claims.head_of_queue(zone, claim.instance_id)
        # An empty queue: the claim is not recorded yet (a dry run), and would be the first.
        if head.holder not in (None, (claim.organization_id, claim.id)):
            reasons[zone] = ZoneReason.BEHIND_OLDER
            continue
        supply = _supply(services, zone, claim.instance_id)
        grants = place_hosts(supply.domains, HostRequest(wanted, budget, int(claim.tag, 16), attempt))
        found = [
            Allocation(zone, supply.snapshots[g.pod_id][0], g.pod_id, g.position, g.hosts) for g in grants
        ]
        if found:
            turns[zone] = head.returns
            pods += _take(services, claim, found, supply)
            allocations += found
        taken = sum(g.count for g in grants)
        wanted -= taken
        budget = budget.without(grants)
        left = free_hosts(supply.domains) - taken
        reasons[zone] = ZoneReason.ALLOCATED if left or wanted == 0 else ZoneReason.NO_CAPACITY
        if left > 0 and wanted > 0:
            # A limit of the transaction left hosts in this zone: use them up before the next zone.
            more = True
            break
    return _Plan(tuple(allocations), tuple(pods), turns, reasons, more)


def _is_offered(services: Needs, zone: str, instance_id: str) -> bool:
    """Whether the zone sells the instance type. Answers "no" only after a fresh read."""
    region = services.inventory.region(zone)
    if region is None or not region.flavors_of(instance_id):
        region = services.inventory.fresh_region(zone)
    return region is not None and bool(region.flavors_of(instance_id))


def _supply(services: Needs, zone: str, instance_id: str) -> _Supply:
    """Read what the zone has of the instance type; strongly consistent."""
    region = services.inventory.fresh_region(zone)
    domains: list[HostDomain] = []
    snapshots: dict[str, tuple[str, Snapshot]] = {}
    for flavor_id in region.flavors_of(instance_id) if region else ():
        snapshot = services.inventory.fresh_snapshot(zone, flavor_id)
        domains += snapshot.host_domains()
        snapshots |= dict.fromkeys(snapshot.ownership, (flavor_id, snapshot))
    return _Supply(domains, snapshots)


def _take(
    services: Needs, claim: CapacityClaim, found: Iterable[Allocation], supply: _Supply
) -> list[Update]:
    """The writes that give the claim these hosts, one for each pod."""
    updates = []
    for pod, allocations in _by_pod(found).items():
        _, snapshot = supply.snapshots[pod[2]]
        ownership = snapshot.ownership[pod[2]]
        changes = {}
        for a in allocations:
            parts = ownership.parts.get(a.position)
            seen = parts or ownership.stamps.get(a.position)
            changes[a.position] = (seen, with_hosts(parts, claim.tag, a.hosts))
        version, stamp = ownership.version, _stamp(services)
        updates.append(change_parts(services.inventory.table, pod, changes, version, stamp))
    return updates


def _stamp(services: Needs) -> bytes:
    return new_tag(services.ids.random_bytes())


def _written(services: Needs, claim: CapacityClaim, reasons: dict[str, ZoneReason]) -> CapacityClaim:
    """The claim with the status, the conditions and the ``unsettled_since`` that follow from what it owns."""
    now = services.clock.now()
    claim = replace(claim, status=settled_status(claim))
    claim = replace(claim, conditions=conditions_of(claim, reasons, now))
    settled = claim.status is not ClaimStatus.DELETING and claim.surplus == 0
    return replace(claim, unsettled_since=None if settled else claim.unsettled_since)


def _change(
    services: Needs,
    before: CapacityClaim,
    after: CapacityClaim,
    pods: Iterable[Update],
    turns: Mapping[str, int],
) -> bool:
    """Write a round, with a new ``updated_at``; false if a rival changed a pod, the record or a queue."""
    after = after.updated(services.clock.now_us())
    return _is_written(services, services.claims.update(before, after, pods, turns=turns))


def _is_written(services: Needs, outcome: CapacityClaim | Refused | None) -> bool:
    """Whether a round was written; false when it lost a race.

    Raises:
        StorageUnavailable: the write was refused for a reason that is no race.
    """
    if not isinstance(outcome, Refused):
        return True
    races = (RECORD, POD_LABEL, RETURNS_LABEL)
    if RECORD not in outcome.items and (odd := [x for x in outcome.items if not x.startswith(races)]):
        raise StorageUnavailable(f"the record and {odd[0]} disagree", outcome_unknown=False)
    services.telemetry.count("ClaimRacesLost")
    return False


def _check_rival_changed(services: Needs, claim: CapacityClaim) -> None:
    """Check that another round changed the claim: only that explains a pod that does not match its record.

    Raises:
        StorageUnavailable: the record is unchanged, so record and pod disagree.
    """
    found = services.claims.get(claim.organization_id, claim.id)
    if found is not None and found.revision == claim.revision:
        raise StorageUnavailable("the record and the pod disagree", outcome_unknown=False)


def _next(claim: CapacityClaim) -> Step:
    """The result of a round that was written."""
    if claim.status is ClaimStatus.DELETING or claim.surplus or claim.pending:
        return Step.AGAIN
    return Step.SETTLED


def _snapshots(services: Needs, allocations: Iterable[Allocation]) -> dict[tuple[str, str], Snapshot]:
    """Fresh snapshots by (zone, flavor id)."""
    wanted = sorted({(a.zone, a.flavor_id) for a in allocations})
    return {pair: services.inventory.fresh_snapshot(*pair) for pair in wanted}


def _by_pod(allocations: Iterable[Allocation]) -> dict[tuple[str, str, str], list[Allocation]]:
    """By (zone, flavor id, pod id)."""
    pods: dict[tuple[str, str, str], list[Allocation]] = {}
    for allocation in allocations:
        pods.setdefault((allocation.zone, allocation.flavor_id, allocation.pod_id), []).append(allocation)
    return pods


def _audit(services: Needs, claim: CapacityClaim, outcome: str, **details: object) -> None:
    services.telemetry.audit(
        ACTOR, "settle_capacity_claim", claim.id, outcome, organization=claim.organization_id, **details
    )

"""Random sequences of requests, hardware changes and limits: nothing is owned twice, the oldest claim is
served first, no claim waits while capacity for it is free, and at the end nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.record import ClaimStatus
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.errors import InsufficientCapacity, QuotaExceeded
from gpu_capacity.inventory.model import HostState
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import instances_held, units_held
from testkit.auditor.claims import claim_records
from testkit.claims import (
    CHICAGO,
    LONDON,
    calm,
    check,
    claim,
    drop,
    now,
    release,
    reserve,
    resize,
    stranger,
)
from testkit.items import owned_in_part, owned_whole
from testkit.searching import examples
from testkit.world import GB300, ORGANIZATION, World, caller, pod
from tests.capacity_claims.golden_requests import queue_entries

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.inventory.model import Pod
    from testkit.auditor.claims import Claim

pytestmark = pytest.mark.slow

ZONES = (LONDON, CHICAGO)
SMALL = st.integers(1, 5)
ZONE_LISTS = st.sampled_from([(LONDON,), (CHICAGO,), (LONDON, CHICAGO), (CHICAGO, LONDON)])


@dataclass
class Wanted:
    """The last requested state of a claim."""

    claim: CapacityClaim
    count: int
    zones: tuple[str, ...]
    deleted: bool = False


class Zones:
    """The hardware as last synced, and how much of it is not owned."""

    def __init__(self) -> None:
        self.pods = {p.id: p for p in (pod("lon1", 2), pod("lon2", 2), pod("chi1", 2, region_id=CHICAGO))}
        self.world = World(pods=(*self.pods.values(),), trusting=True)

    def change(self, changed: Pod) -> None:
        self.pods[changed.id] = replace(changed, version=self.pods[changed.id].version + 1)
        self.world.load((self.pods[changed.id],))

    def usable(self, zone: str) -> dict[tuple[str, int, int], bool]:
        """By pod, position and slot: whether the host may be given to a claim."""
        return {
            (p.id, d.position, h.slot): h.state is HostState.IN_SERVICE and not d.cordoned
            for p in self.pods.values()
            if p.region_id == zone
            for d in p.domains
            for h in d.hosts
        }

    def owned(self, zone: str) -> dict[tuple[str, int], int]:
        """By pod and position: a mask of owned hosts, read from the table."""
        found: dict[tuple[str, int], int] = {}
        for item in self.world.db.table("inventory").items():
            if item["pk"]["S"] == f"CLAIMS#{zone}#{GB300.id}":
                pod_id = item["sk"]["S"].removeprefix("POD#")
                found |= {(pod_id, position): 0b11 for position in owned_whole(item)}
                found |= {(pod_id, at): sum(masks.values()) for at, masks in owned_in_part(item).items()}
        return found

    def free(self, zone: str) -> int:
        owned = self.owned(zone)
        return sum(
            usable and not owned.get((pod_id, position), 0) >> slot & 1
            for (pod_id, position, slot), usable in self.usable(zone).items()
        )

    def longest_run(self, zone: str) -> int:
        """The longest run of free whole racks that a reservation could own."""
        owned, usable, longest = self.owned(zone), self.usable(zone), 0
        for p in self.pods.values():
            run = 0
            for d in p.domains:
                whole = all(usable.get((p.id, d.position, h.slot), False) for h in d.hosts)
                run = run + 1 if whole and not owned.get((p.id, d.position)) else 0
                longest = max(longest, run)
        return longest


class ClaimsMachine(RuleBasedStateMachine):
    """Claims and reservations of two organizations over two zones, with four and two racks."""

    claims = Bundle("claims")
    reservations = Bundle("reservations")

    @initialize()
    def begin(self) -> None:
        self.zones = Zones()
        self.world = self.zones.world
        self.wanted: dict[str, Wanted] = {}
        self.held: list[str] = []
        self.limit: int | None = None

    # Requests of customers.

    @rule(target=claims, count=SMALL, zones=ZONE_LISTS, mine=st.booleans())
    def create(self, count: int, zones: tuple[str, ...], mine: bool) -> object:  # noqa: FBT001
        before = self._before()
        used = sum(w.count for w in self._of(ORGANIZATION))
        refused = mine and self.limit is not None and used + count > self.limit
        try:
            made = claim(self.world, count, *zones, who=caller() if mine else stranger())
        except QuotaExceeded:
            assert refused
            return multiple()
        assert not refused
        self.wanted[made.id] = Wanted(made, count, zones)
        made = now(self.world, made)
        for earlier, later in pairwise(zones):
            assert not made.in_zone(later) or self._busy(earlier, before)
        self._after(before)
        return made.id

    @rule(chosen=claims, count=SMALL, zones=ZONE_LISTS)
    def change(self, chosen: str, count: int, zones: tuple[str, ...]) -> None:
        wanted = self.wanted.get(chosen)
        if wanted is None or wanted.deleted:
            return
        before = self._before()
        used = sum(w.count for w in self._of(ORGANIZATION))
        more = count - wanted.count
        mine = wanted.claim.organization_id == ORGANIZATION
        refused = mine and self.limit is not None and more > 0 and used + more > self.limit
        try:
            resize(self.world, wanted.claim, count, *zones)
        except QuotaExceeded:
            assert refused
        else:
            assert not refused
            wanted.count, wanted.zones = count, zones
        self._after(before)

    @rule(chosen=claims)
    def delete(self, chosen: str) -> None:
        wanted = self.wanted.get(chosen)
        if wanted is None:
            return
        before = self._before()
        drop(self.world, wanted.claim)
        wanted.deleted = True
        self._after(before)

    @rule(target=reservations, zone=st.sampled_from(ZONES), count=st.integers(1, 2))
    def reserve(self, zone: str, count: int) -> object:
        before = self._before()
        possible = self.zones.longest_run(zone) >= count
        try:
            made = reserve(self.world, count, zone)
        except InsufficientCapacity:
            assert not possible
            return multiple()
        assert possible
        self.held.append(made)
        self._after(before)
        return made

    @rule(chosen=consumes(reservations))
    def release(self, chosen: str) -> None:
        before = self._before()
        release(self.world, chosen)
        self.held.remove(chosen)
        self._after(before)

    # Actions of operators and changes of hardware.

    @rule(limit=st.integers(0, 12))
    def set_limit(self, limit: int) -> None:
        services = self.world.environment()
        QuotaSetter.of(services, "operator:root").set(ORGANIZATION, "instances", limit)
        self.limit = limit
        self._after(self._before())

    @rule(
        pod_id=st.sampled_from(["lon1", "lon2", "chi1"]),
        position=st.integers(0, 1),
        slot=st.integers(0, 1),
        state=st.sampled_from(HostState),
        cordoned=st.booleans(),
    )
    def sync(self, pod_id: str, position: int, slot: int, state: HostState, cordoned: bool) -> None:  # noqa: FBT001
        before = self._before()
        changed = self.zones.pods[pod_id]
        domain = changed.domains[position]
        hosts = tuple(replace(h, state=state) if h.slot == slot else h for h in domain.hosts)
        domains = tuple(
            replace(domain, hosts=hosts, cordoned=cordoned) if d.position == position else d
            for d in changed.domains
        )
        self.zones.change(replace(changed, domains=domains))
        self.world.events.freed(changed.region_id)
        self._after(before)

    # Background work.

    @rule(chosen=claims)
    def one_round(self, chosen: str) -> None:
        wanted = self.wanted.get(chosen)
        if wanted is not None:
            before = self._before()
            settle_capacity_claim(self.world.services, wanted.claim.organization_id, chosen)
            self._after(before)

    @rule(zone=st.sampled_from(ZONES))
    def one_event(self, zone: str) -> None:
        before = self._before()
        fill_zones(self.world.services, [zone])
        self._after(before)

    @rule()
    def everything_that_was_begun(self) -> None:
        before = self._before()
        calm(self.world)
        self._after(before)
        for record in claim_records(self.world.db):
            wanted = self.wanted[record.id]
            assert (record.count, tuple(record.zones), record.surplus) == (wanted.count, wanted.zones, 0)
            assert not wanted.deleted
            # No claim waits where capacity for it is free.
            assert not record.waits or not any(self.zones.free(zone) for zone in record.zones)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for wanted in self.wanted.values():
            drop(self.world, wanted.claim)
        for reservation in self.held:
            release(self.world, reservation)
        self.world.clock.advance(3600)
        reconcile(self.world.services)
        calm(self.world)
        check(self.world)
        assert claim_records(self.world.db) == []
        assert (instances_held(self.world.db), units_held(self.world.db)) == (0, 0)
        assert set(queue_entries(self.world.db)) <= {"!"}

    # Invariants.

    def _of(self, organization: str) -> list[Wanted]:
        self._forget_gone()
        return [w for w in self.wanted.values() if w.claim.organization_id == organization]

    def _forget_gone(self) -> None:
        there = {record.id for record in claim_records(self.world.db)}
        for claim_id in [c for c, w in self.wanted.items() if c not in there]:
            assert self.wanted.pop(claim_id).deleted

    def _busy(self, zone: str, before: dict[str, Claim]) -> bool:
        """Whether a new claim had a reason to go on to the next zone."""
        return not self.zones.free(zone) or any(r.waits and zone in r.zones for r in before.values())

    def _before(self) -> dict[str, Claim]:
        return {record.id: record for record in claim_records(self.world.db)}

    def _after(self, before: dict[str, Claim]) -> None:
        check(self.world)
        self._forget_gone()
        after = {record.id: record for record in claim_records(self.world.db)}
        self._order_was_kept(before, after)
        self._only_usable_hosts_were_given(before, after)

    def _order_was_kept(self, before: dict[str, Claim], after: dict[str, Claim]) -> None:
        age = {record.id: (record.created_ms, record.organization, record.id) for record in after.values()}
        for younger in after.values():
            for zone, count in younger.owned_in.items():
                had = before[younger.id].owned_in[zone] if younger.id in before else 0
                overtaken = [
                    older
                    for older in after.values()
                    if age[older.id] < age[younger.id]
                    and older.waits
                    and zone in older.zones
                    and older.id in before
                    and before[older.id].waits
                    and zone in before[older.id].zones
                ]
                assert count <= had or not overtaken

    def _only_usable_hosts_were_given(self, before: dict[str, Claim], after: dict[str, Claim]) -> None:
        for record in after.values():
            for domain, hosts in record.hosts.items():
                zone, pod_id, position = domain
                new = hosts & ~(before[record.id].hosts.get(domain, 0) if record.id in before else 0)
                usable = self.zones.usable(zone)
                assert all(usable[pod_id, position, slot] for slot in range(2) if new >> slot & 1)
                assert record.status != ClaimStatus.DELETING.value or not new


ClaimsMachine.TestCase.settings = examples(
    120,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestClaimsMachine = ClaimsMachine.TestCase

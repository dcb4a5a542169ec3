"""The record of a capacity claim, its statuses, and how they follow from what it owns.

::

    CREATING ──► READY ◄──► UPDATING          READY only when nothing is pending
        │          │            │
        └──────────┴────────────┴──► DELETING ──► gone

A claim keeps asking: what does not fit stays pending until capacity appears. Unlike a reservation it starts
no servers; it only owns hosts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from gpu_capacity.holders.ids import HOLDER_TAG_BYTES
from gpu_capacity.holders.quota import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Combine = Callable[[int, int], int]

ZONES_MAX: Final = 20
INSTANCES_MAX: Final = 4000
"""The record must fit into 400 KB even if every instance is in a pod of its own and all ids have the greatest
length."""

WORKFLOW: Final = "settle_claim"

_MICROSECONDS: Final = 1_000_000


class ClaimStatus(StrEnum):
    """Statuses of the published API that this service uses. Only a tombstone has ``GONE``."""

    CREATING = "STATUS_CREATING"
    READY = "STATUS_READY"
    UPDATING = "STATUS_UPDATING"
    DELETING = "STATUS_DELETING"
    GONE = "gone"


TRANSITIONS: Final = {
    ClaimStatus.CREATING: (ClaimStatus.READY, ClaimStatus.DELETING),
    ClaimStatus.READY: (ClaimStatus.UPDATING, ClaimStatus.DELETING),
    ClaimStatus.UPDATING: (ClaimStatus.READY, ClaimStatus.DELETING),
    ClaimStatus.DELETING: (),
}
"""The statuses that may follow each status; after ``DELETING`` the record is removed."""


class ZoneReason(StrEnum):
    """Why a claim got as many instances in a zone as it did. Stored and published."""

    ALLOCATED = "Allocated"
    NOT_NEEDED = "NotNeeded"
    NO_CAPACITY = "InsufficientCapacity"
    BEHIND_OLDER = "WaitingForOlderClaims"
    NOT_TRIED = "NotTriedYet"
    NOT_OFFERED = "ZoneNotOffered"
    DELETING = "Deleting"


_REMARKS: Final = {
    ZoneReason.ALLOCATED: "",
    ZoneReason.NOT_NEEDED: ", none needed",
    ZoneReason.NO_CAPACITY: ", no capacity left",
    ZoneReason.BEHIND_OLDER: ", older claims are served first",
    ZoneReason.NOT_TRIED: ", not tried yet",
    ZoneReason.NOT_OFFERED: ", the zone does not offer the instance type any more",
    ZoneReason.DELETING: ", to be given back",
}


@dataclass(frozen=True, slots=True)
class Allocation:
    """Hosts of one domain that a claim owns; bit ``i`` of ``hosts`` stands for slot ``i``."""

    zone: str
    flavor_id: str
    pod_id: str
    position: int
    hosts: int

    @property
    def count(self) -> int:
        """How many instances these are: one for each host."""
        return self.hosts.bit_count()

    @property
    def domain(self) -> tuple[str, str, int]:
        """Zone, pod and position: identifies the domain."""
        return self.zone, self.pod_id, self.position


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact about a claim in one zone, or about the whole claim if ``zone`` is empty.

    ``updated_at`` is in seconds since the epoch, and changes only when another field does.
    """

    type: str
    zone: str
    status: str
    reason: str
    message: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class CapacityClaim:
    """The record of a claim. Times are seconds since the epoch.

    ``created_millisecond`` (0 to 999) is the fraction of ``created_at``, so that claims of one second have an
    order. ``updated_microsecond`` (0 to 999,999) is the fraction of ``updated_at``. ``life`` is random and
    distinguishes records that have the same id one after the other; None if an earlier version made the
    record. ``revision`` rises with every write: it is the record's optimistic lock. ``supplied``: the client
    chose the id, directly or by an idempotency key. ``counted``: the claim is part of its organization's
    quota. ``attempt`` numbers the executions of the workflow.

    ``removal`` is why an operator has deleted it, if one has.

    ``instance_id`` and ``zones`` have the catalogue's spelling, which pods, queues and allocations use.
    ``instance_id_sent`` and ``zones_sent`` have the customer's spelling; None where it is the same.
    """

    NOUN: ClassVar[str] = "claim"

    id: str
    organization_id: str
    name: str
    instance_id: str
    instance_count: int
    zones: tuple[str, ...]
    capacity_type: str
    status: ClaimStatus
    created_at: int
    created_by: str
    updated_at: int
    fingerprint: str
    supplied: bool
    counted: bool
    created_millisecond: int = 0
    allocations: tuple[Allocation, ...] = ()
    conditions: tuple[Condition, ...] = ()
    revision: int = 0
    attempt: int = 0
    unsettled_since: int | None = None
    instance_id_sent: str | None = None
    zones_sent: tuple[str, ...] | None = None
    updated_microsecond: int = 0
    life: bytes | None = None
    removal: str | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the API shows it: always."""
        return True

    def updated(self, now_us: int) -> CapacityClaim:
        """The claim with a new time of its last change: ``now_us``, but later than the last one in any case.

        Times are microseconds since the epoch. A write takes far longer than a microsecond, so this does not
        get ahead of the clock.
        """
        second, microsecond = divmod(max(now_us, self.updated_us + 1), _MICROSECONDS)
        return replace(self, updated_at=second, updated_microsecond=microsecond)

    @property
    def updated_us(self) -> int:
        """When it was last changed, in microseconds since the epoch."""
        return self.updated_at * _MICROSECONDS + self.updated_microsecond

    def spelled(self, instance_id: str, zones: tuple[str, ...]) -> CapacityClaim:
        """The claim with the customer's spelling of its instance type and of its zones, in the same order."""
        return replace(
            self,
            instance_id_sent=None if instance_id == self.instance_id else instance_id,
            zones_sent=None if zones == self.zones else zones,
        )

    @property
    def spelling_of_zones(self) -> dict[str, str]:
        """The customer's spelling of each zone."""
        return dict(zip(self.zones, self.zones_sent or self.zones, strict=True))

    @property
    def created_ms(self) -> int:
        """When it was created, in milliseconds since the epoch: orders the queues."""
        return self.created_at * 1000 + self.created_millisecond

    @property
    def regions(self) -> frozenset[str]:
        """Every zone that it asks for, or has hosts in."""
        return frozenset({*self.zones, *(allocation.zone for allocation in self.allocations)})

    @property
    def owned(self) -> int:
        """Hosts that it owns, the surplus included."""
        return sum(allocation.count for allocation in self.allocations)

    @property
    def allocated(self) -> int:
        """Instances that the customer has: in the zones that the claim asks for, up to its instance count."""
        return min(sum(a.count for a in self.allocations if a.zone in self.zones), self.instance_count)

    @property
    def counts(self) -> dict[str, int]:
        """What quotas already count of it, by subject."""
        return {INSTANCES: self.instance_count} if self.counted else {}

    @property
    def uncounted(self) -> dict[str, int]:
        """What quotas do not count of it yet, by subject."""
        return {} if self.counted else {INSTANCES: self.instance_count}

    @property
    def pending(self) -> int:
        """Instances still to be allocated; ``allocated + pending`` is always the instance count."""
        return self.instance_count - self.allocated

    @property
    def surplus(self) -> int:
        """Hosts to give back: beyond the instance count, or in zones that the claim no longer asks for."""
        return self.owned - self.allocated

    @property
    def waits_in(self) -> frozenset[str]:
        """Zones in whose queues the claim is: all of its zones while something is pending, else none."""
        waiting = self.pending > 0 and self.status is not ClaimStatus.DELETING
        return frozenset(self.zones) if waiting else frozenset()

    @property
    def workflow(self) -> str:
        """The workflow that does its rounds."""
        return WORKFLOW

    @property
    def execution(self) -> str:
        """The name of the workflow's execution. Has the tag, not the id: two tenants may choose one id."""
        return f"settle-{self.tag}-{self.created_at}-{self.attempt}"

    @property
    def tag(self) -> str:
        """The holder tag that marks its hosts in a pod's ownership item, as 16 hex digits.

        A digest of organization and id, because clients may choose ids: no client can choose an id with the
        tag of another tenant's claim.
        """
        digest = hashlib.sha256(f"{self.organization_id}#{self.id}".encode()).digest()
        return digest[:HOLDER_TAG_BYTES].hex()

    def in_zone(self, zone: str) -> int:
        """Hosts that it owns in a zone."""
        return sum(a.count for a in self.allocations if a.zone == zone)

    def with_hosts(self, more: Iterable[Allocation]) -> CapacityClaim:
        """The claim owning these hosts as well."""
        return replace(self, allocations=_merged(self.allocations, more, lambda a, b: a | b))

    def without_hosts(self, fewer: Iterable[Allocation]) -> CapacityClaim:
        """The claim no longer owning these hosts."""
        return replace(self, allocations=_merged(self.allocations, fewer, lambda a, b: a & ~b))


def conditions_of(claim: CapacityClaim, reasons: dict[str, ZoneReason], now: int) -> tuple[Condition, ...]:
    """The conditions of a claim: one for each of its zones, and one for the whole.

    Args:
        claim: with its conditions as they were.
        reasons: by zone, what the last round found; a zone without one keeps its reason as far as possible.
        now: seconds since the epoch, for conditions that change.
    """
    before = {(c.type, c.zone): c for c in claim.conditions}
    found = []
    for zone in claim.zones:
        given = claim.in_zone(zone)
        reason = reasons.get(zone) or _kept_reason(before.get(("Allocated", zone)), given)
        if claim.status is ClaimStatus.DELETING:
            reason = ZoneReason.DELETING
        elif claim.pending == 0:
            reason = ZoneReason.ALLOCATED if given else ZoneReason.NOT_NEEDED
        found.append(
            Condition(
                "Allocated",
                zone,
                _truth(given > 0),
                reason.value,
                f"{given} instances allocated{_REMARKS[reason]}",
                now,
            )
        )
    done = claim.pending == 0 and claim.surplus == 0 and claim.status is not ClaimStatus.DELETING
    found.append(
        Condition(
            "Progressing",
            "",
            _truth(not done),
            "AllInstancesAllocated" if done else _progress(claim),
            f"{claim.allocated} of {claim.instance_count} instances allocated, {claim.pending} pending"
            + (f"; deleted by an operator: {claim.removal}" if claim.removal else ""),
            now,
        )
    )
    return tuple(_keep_time(condition, before.get((condition.type, condition.zone))) for condition in found)


def settled_status(claim: CapacityClaim) -> ClaimStatus:
    """READY when nothing is pending and nothing is to be given back; else READY becomes UPDATING."""
    if claim.status is ClaimStatus.DELETING:
        return claim.status
    if claim.pending == 0 and claim.surplus == 0:
        return ClaimStatus.READY
    return ClaimStatus.UPDATING if claim.status is ClaimStatus.READY else claim.status


def _progress(claim: CapacityClaim) -> str:
    if claim.status is ClaimStatus.DELETING:
        return "Deleting"
    return "GivingBack" if claim.surplus else "InstancesPending"


def _kept_reason(before: Condition | None, given: int) -> ZoneReason:
    """The reason that a zone had, or ``NOT_TRIED`` if that cannot be true while something is pending."""
    reason = ZoneReason(before.reason) if before else ZoneReason.NOT_TRIED
    outdated = reason is ZoneReason.NOT_NEEDED or (reason is ZoneReason.ALLOCATED and not given)
    return ZoneReason.NOT_TRIED if outdated else reason


def _keep_time(condition: Condition, before: Condition | None) -> Condition:
    if before is not None and replace(condition, updated_at=before.updated_at) == before:
        return before
    return condition


def _truth(value: bool) -> str:  # noqa: FBT001 - turns a bool into its published word
    return "True" if value else "False"


def _merged(
    held: Iterable[Allocation], change: Iterable[Allocation], combine: Combine
) -> tuple[Allocation, ...]:
    by_domain = {a.domain: a for a in held}
    for allocation in change:
        known = by_domain.get(allocation.domain) or replace(allocation, hosts=0)
        by_domain[allocation.domain] = replace(known, hosts=combine(known.hosts, allocation.hosts))
    return tuple(sorted((a for a in by_domain.values() if a.hosts), key=lambda a: a.domain))

"""What a consistency check finds, and how to repair it. Plain values: nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from gpu_capacity.inventory.audit_runs import finding_id

if TYPE_CHECKING:
    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.dynamodb.tombstones import Tombstone
    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.upkeep.audit.facts import Owner, Question, Record, Side
    from gpu_capacity.vms.items import RosterEntry
    from gpu_capacity.vms.record import Vm


class Kind(StrEnum):
    """The kinds of findings. Append-only: metrics, alarms and run books use these words."""

    DOUBLE = "double"
    LEAKED = "leaked"
    ORPHANED = "orphaned"
    CONTRADICTORY = "contradictory"
    WRONG_HASH = "wrong_hash"
    QUOTA_DRIFT = "quota_drift"
    QUEUE_STALE = "queue_stale"
    QUEUE_MISSING = "queue_missing"
    NAME_STALE = "name_stale"
    NAME_MISSING = "name_missing"
    SERVER_LEAKED = "server_leaked"
    SERVER_DISAGREES = "server_disagrees"
    UNSETTLED_MISSING = "unsettled_missing"
    UNREADABLE = "unreadable"
    ROSTER_STALE = "roster_stale"
    ROSTER_MISSING = "roster_missing"
    NOTICE_STALE = "notice_stale"
    NOTICE_MISSING = "notice_missing"
    DISK_LEAKED = "disk_leaked"
    API_KEY_UNLISTED = "api_key_unlisted"  # pragma: allowlist secret
    API_KEY_MISSING = "api_key_missing"  # pragma: allowlist secret
    HOST_TWICE = "host_twice"
    LISTING_STALE = "listing_stale"
    LISTING_MISSING = "listing_missing"
    PROVIDER_SILENT = "provider_silent"
    OCCUPIED_STALE = "occupied_stale"
    OCCUPIED_MISSING = "occupied_missing"
    HOLDER_UNLISTED = "holder_unlisted"


@dataclass(frozen=True, slots=True)
class ReleasePart:
    """Release what a tag owns in a domain: no record lists it, and the providers confirm that it is empty.

    ``owner`` is the whole attribute as read, ``hosts`` are the ids of the domain's hosts, ``gpus`` is a mask
    of GPUs of its only host on which no VM's server may be. ``record`` and ``holder``: its tombstone or VM.
    """

    pod: Side
    position: int
    tag: str
    owner: Owner
    hosts: tuple[str, ...]
    gpus: int
    record: Side | None
    holder: Tombstone | Vm | None

    @property
    def slices(self) -> tuple[tuple[str, int], ...]:
        """(host id, mask of GPUs on which no VM's server may be)."""
        return ((self.hosts[0], self.gpus),) if self.gpus else ()


@dataclass(frozen=True, slots=True)
class EndBooking:
    """End a booking that no record lists or names; ``hosts`` and ``slices`` are those of all its domains."""

    pod: Side
    booking: Booking
    hosts: tuple[str, ...]
    slices: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class MarkRun:
    """Restore the booking that a record lists; ``stamps`` are those of its domains, which are all free."""

    pod: Side
    booking: Booking
    stamps: tuple[bytes | None, ...]
    record: Side
    holder: Reservation


@dataclass(frozen=True, slots=True)
class MarkPart:
    """Give the holder what its record lists and the pod shows as free.

    ``owner`` is the whole attribute as read. ``mask`` has the listed hosts or GPUs; None for all of them.
    """

    pod: Side
    position: int
    tag: str
    owner: Owner | None
    mask: int | None
    record: Side
    holder: Record


@dataclass(frozen=True, slots=True)
class SetHash:
    """Store the topology hash of the hardware, if the pod still has the version that was read."""

    record: Side
    holder: Reservation
    hardware: Side
    version: int
    topology_hash: str


@dataclass(frozen=True, slots=True)
class SetUsed:
    """Set ``used`` of a quota to the recount, if the counted holders are unchanged."""

    quota: Side
    used: int
    recount: int
    counted: tuple[tuple[Side, Record], ...]


@dataclass(frozen=True, slots=True)
class DropItem:
    """Remove a queue entry of a claim that does not wait there, or a name of a claim that has another."""

    item: Side
    record: Side
    holder: CapacityClaim | Tombstone | None
    claim_id: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put a claim back into a queue, and count the return."""

    entry: Side
    record: Side
    holder: CapacityClaim
    zone: str


@dataclass(frozen=True, slots=True)
class Register:
    """Record a claim's name again, if no other claim has it."""

    name: Side
    record: Side
    holder: CapacityClaim


@dataclass(frozen=True, slots=True)
class Index:
    """Put an unsettled record back into the sparse index."""

    record: Side
    holder: Record
    shard: str


@dataclass(frozen=True, slots=True)
class ListHolder:
    """Put a record into the index of holders, in this partition."""

    record: Side
    holder: Record
    partition: str


@dataclass(frozen=True, slots=True)
class SetEntry:
    """Make a VM's roster entry agree with its record.

    ``was`` is the entry as read, ``entry`` the entry as it is to be; None for no entry. ``record`` and
    ``holder`` are what the new entry follows from.
    """

    side: Side
    was: RosterEntry | None
    entry: RosterEntry | None
    record: Side
    holder: Vm | None


@dataclass(frozen=True, slots=True)
class SetListing:
    """List a VM in its organization (``listed``), or remove a list entry (``listed`` is None).

    ``record`` and ``holder`` are what that follows from.
    """

    side: Side
    listed: Vm | None
    record: Side
    holder: Vm | None


@dataclass(frozen=True, slots=True)
class TakeNoticeBack:
    """Withdraw the notice of a VM whose preemptor does not wait for it (``preemptor``, if it exists)."""

    record: Side
    holder: Vm
    waiting: Side
    preemptor: Vm | None


@dataclass(frozen=True, slots=True)
class ListKey:
    """List an API key, so that an operator can find it and revoke it."""

    listing: Side
    record: Side
    key: ApiKey


@dataclass(frozen=True, slots=True)
class UnlistKey:
    """Remove an API key from an organization's list: there is none, or it is another one's (``key``)."""

    listing: Side
    record: Side
    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Fence an owner at its provider and delete what it has there: a server on ``host_id``, or a disk.

    ``needs_word``: no record proves that the owner has ended, so an operator has to name it.
    """

    thing: Question
    host_id: str
    needs_word: bool


Write: TypeAlias = (
    ReleasePart
    | EndBooking
    | MarkPart
    | MarkRun
    | SetHash
    | SetUsed
    | DropItem
    | Enqueue
    | Register
    | Index
    | ListHolder
    | SetEntry
    | SetListing
    | TakeNoticeBack
    | ListKey
    | UnlistKey
)

Repair: TypeAlias = Write | TakeAway


@dataclass(frozen=True, slots=True)
class Finding:
    """A disagreement.

    Attributes:
        kind: what disagrees.
        subject: where; kind, subject and ``certain`` identify the finding.
        message: how it disagrees, for people.
        sides: the items that it is based on. Read in one transaction, they must show it again.
        questions: what it is based on at the providers. Asked again, they must show it again.
        repair: a repair that is certainly right, if there is one.
        certain: false for a mere note: worth an operator's attention, but against no rule.
    """

    kind: Kind
    subject: str
    message: str
    sides: tuple[Side, ...]
    repair: Repair | None = None
    certain: bool = True
    questions: tuple[Question, ...] = ()

    @property
    def identity(self) -> tuple[Kind, str, bool]:
        """Equal for the same finding, met twice."""
        return self.kind, self.subject, self.certain

    @property
    def id(self) -> str:
        """The name by which operators order its repair."""
        return finding_id(self.kind.value, self.subject)

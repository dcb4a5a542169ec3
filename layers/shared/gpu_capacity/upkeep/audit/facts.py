"""What an audit looks at, and what it may find and repair. Plain values: nothing here reads or writes.

Everything is named by the item that tells it (its ``Side``), so that a finding can say which items it rests
on, and these can be read again together before it is believed. What providers have is no item: a finding that
rests on it says what to ask them again (its ``Question``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from gpu_capacity.dynamodb import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.tombstones import Tombstone
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.inventory.items import PodOwners
    from gpu_capacity.inventory.model import Pod
    from gpu_capacity.providers.port import Server, VmServer
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.vms.items import RosterEntry
    from gpu_capacity.vms.record import Vm


class Table(StrEnum):
    """The tables by what they are for."""

    INVENTORY = "inventory"
    HOLDERS = "holders"


@dataclass(frozen=True, slots=True, order=True)
class Side:
    """One item: a table and a key."""

    table: Table
    pk: str
    sk: str

    @classmethod
    def of(cls, table: Table, key: Key) -> Side:
        """The side under a key as the stores write it."""
        return cls(table, key["pk"]["S"], key["sk"]["S"])

    @property
    def key(self) -> Key:
        """The key as the stores write it."""
        return {"pk": {"S": self.pk}, "sk": {"S": self.sk}}

    def __str__(self) -> str:
        return f"{self.pk} {self.sk}"


class Asked(StrEnum):
    """What a provider can be asked about."""

    SERVERS = "servers of"
    VM_SERVER = "VM server of"
    DISK = "disk of"


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """What to ask a provider: the servers of an owner, the server of a run, the disk of a VM."""

    about: Asked
    name: str

    def __str__(self) -> str:
        return f"{self.about} {self.name}"


Record: TypeAlias = "Reservation | CapacityClaim | Vm"
Holder: TypeAlias = "Record | Tombstone"
Owner: TypeAlias = "bytes | dict[str, int]"


@dataclass(frozen=True, slots=True)
class Facts:
    """The tables and what providers list, or as much of both as was read.

    Attributes:
        owners: who owns what, by ownership item; bookings are apart from the ``owners`` that domains show.
        pods: full topology, by the *claims* item of the same pod.
        holders: reservations, capacity claims and VMs and what is left of those that are gone, by record.
        tags: what stands for each record in pods, in hex: the tag of its booking or its holder tag, of a VM
            with ``g`` before it; of a record that cannot be read, the holder tag.
        shards: the partition of the sparse index that a record stands in, by record; absent for none.
        names: the id of the claim that has a name, by name item.
        entries: the record of the claim that stands in a queue, by queue entry.
        quotas: limits and what is counted, by quota item.
        servers: the servers that the host provider lists.
        vm_servers: those that the VM provider lists.
        disks: the ids of the VMs whose disks it lists.
        roster: what schedules know of a VM, by roster entry.
        api_keys: API keys, by the item that a request finds.
        key_listings: the items by which organizations list their API keys.
        vm_listings: the items by which organizations list VMs that are not over.
        unreadable: items that do not decode or are of no known kind.
    """

    owners: Mapping[Side, PodOwners] = field(default_factory=dict)
    pods: Mapping[Side, Pod] = field(default_factory=dict)
    holders: Mapping[Side, Holder] = field(default_factory=dict)
    tags: Mapping[Side, str] = field(default_factory=dict)
    shards: Mapping[Side, str] = field(default_factory=dict)
    names: Mapping[Side, str] = field(default_factory=dict)
    entries: Mapping[Side, Side] = field(default_factory=dict)
    quotas: Mapping[Side, Quota] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    vm_servers: tuple[VmServer, ...] = ()
    disks: frozenset[str] = frozenset()
    roster: Mapping[Side, RosterEntry] = field(default_factory=dict)
    api_keys: Mapping[Side, ApiKey] = field(default_factory=dict)
    key_listings: frozenset[Side] = frozenset()
    vm_listings: frozenset[Side] = frozenset()
    unreadable: frozenset[Side] = frozenset()

    @property
    def knows_every_holder(self) -> bool:
        """Whether every record was understood; only then does "nobody lists it" mean anything."""
        return not any(
            side.table is Table.HOLDERS and side.pk.startswith(keys.organization_partition(""))
            for side in self.unreadable
        )


class Kind(StrEnum):
    """What disagrees. Append-only: metrics, alarms and run books name these words."""

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


@dataclass(frozen=True, slots=True)
class ReleasePart:
    """Free what a tag owns in a domain: nobody lists it, and the providers say that nothing is left on it.

    ``owner`` is the whole attribute as read, ``hosts`` are the ids of the domain's hosts, ``gpus`` is a mask
    of GPUs of its only host that no VM's server may have. ``record`` and ``holder`` are what is left of it.
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
        """Hosts, and the GPUs of each that no VM's server may have."""
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
    """Book again the run that a record lists; ``stamps`` are what its domains show, which are all free."""

    pod: Side
    booking: Booking
    stamps: tuple[bytes | None, ...]
    record: Side
    holder: Reservation


@dataclass(frozen=True, slots=True)
class MarkPart:
    """Mark as the holder's what its record lists and the pod shows as free.

    ``owner`` is the whole attribute as read, a map of parts or a stamp; ``mask`` the hosts or GPUs that are
    listed, ``None`` for all.
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
    """Store the hash that follows from the hardware, which must still be the version that was read."""

    record: Side
    holder: Reservation
    hardware: Side
    version: int
    topology_hash: str


@dataclass(frozen=True, slots=True)
class SetUsed:
    """Set what is counted of a quota to the recount; the holders must be as they were counted."""

    quota: Side
    used: int
    recount: int
    counted: tuple[tuple[Side, Record], ...]


@dataclass(frozen=True, slots=True)
class DropItem:
    """Remove a queue entry or a name that stands for a claim which does not wait there or have it."""

    item: Side
    record: Side
    holder: CapacityClaim | Tombstone | None
    claim_id: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put a claim back into a queue, as a claim that comes back does."""

    entry: Side
    record: Side
    holder: CapacityClaim
    zone: str


@dataclass(frozen=True, slots=True)
class Register:
    """Give a claim its name again, if nobody else has it."""

    name: Side
    record: Side
    holder: CapacityClaim


@dataclass(frozen=True, slots=True)
class Index:
    """Let the sparse index show an unsettled record again."""

    record: Side
    holder: Record
    shard: str


@dataclass(frozen=True, slots=True)
class SetEntry:
    """Let the roster say of a VM what its record says.

    ``was`` is the entry as read, ``None`` where there is none; ``entry`` what it is to be, ``None`` for no
    entry at all. ``record`` and ``holder`` are what that follows from.
    """

    side: Side
    was: RosterEntry | None
    entry: RosterEntry | None
    record: Side
    holder: Vm | None


@dataclass(frozen=True, slots=True)
class SetListing:
    """Let the list of an organization show a VM (``listed``), or take the entry of none away.

    ``record`` and ``holder`` are what that follows from.
    """

    side: Side
    listed: Vm | None
    record: Side
    holder: Vm | None


@dataclass(frozen=True, slots=True)
class TakeNoticeBack:
    """Let a VM stay that was told to leave for one which does not wait for it (``newcomer``, if it lives)."""

    record: Side
    holder: Vm
    waiting: Side
    newcomer: Vm | None


@dataclass(frozen=True, slots=True)
class ListKey:
    """List an API key, so that an operator can find it and revoke it."""

    listing: Side
    record: Side
    key: ApiKey


@dataclass(frozen=True, slots=True)
class UnlistKey:
    """Remove from an organization's list an API key that there is not, or that is another one's (``key``)."""

    listing: Side
    record: Side
    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Fence an owner at its provider and have what it has there deleted: a server on ``host_id``, or a disk.

    ``needs_word`` says that nothing is left to tell that the owner is gone; an operator has to name it then.
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
        subject: where; together with the kind it says which finding this is.
        message: how it disagrees, for people.
        sides: the items that it rests on. Read together, they must show it again.
        questions: what it rests on at the providers. Asked again, they must show it as well.
        repair: what would put it right beyond doubt, if anything would.
        certain: false for what an operator may want to know and no rule forbids.
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
        """Equal for two sightings of the same thing."""
        return self.kind, self.subject, self.certain

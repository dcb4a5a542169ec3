"""What a consistency check reads, as plain values: nothing here reads or writes.

Every fact is under the key of its item (a ``Side``). So a finding can name the items that it is based on, and
these can be read again in one transaction before the finding is reported. What providers have is no item: a
finding that is based on it says what to ask them again (a ``Question``).
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
    from gpu_capacity.inventory.items import PodOwners
    from gpu_capacity.inventory.model import Pod
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Hold, Server, VmServer
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.vms.items import RosterEntry
    from gpu_capacity.vms.record import Vm


class Table(StrEnum):
    """The tables, by their content."""

    INVENTORY = "inventory"
    HOLDERS = "holders"


@dataclass(frozen=True, slots=True, order=True)
class Side:
    """One side of a possible disagreement: an item, identified by table and key."""

    table: Table
    pk: str
    sk: str

    @classmethod
    def of(cls, table: Table, key: Key) -> Side:
        """The item under a key in DynamoDB's form."""
        return cls(table, key["pk"]["S"], key["sk"]["S"])

    @property
    def key(self) -> Key:
        """The key in DynamoDB's form."""
        return {"pk": {"S": self.pk}, "sk": {"S": self.sk}}

    def __str__(self) -> str:
        return f"{self.pk} {self.sk}"


class Asked(StrEnum):
    """What a provider can be asked about."""

    HOLDS = "holds of"
    SERVERS = "servers of"
    VM_SERVER = "VM server of"
    DISK = "disk of"


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """A question to a provider, about what an owner holds, the servers of a placement or a run, or a disk."""

    about: Asked
    name: str

    def __str__(self) -> str:
        return f"{self.about} {self.name}"


Record: TypeAlias = "Reservation | Placement | CapacityClaim | Vm"
Holder: TypeAlias = "Record | Tombstone"
Owner: TypeAlias = "bytes | dict[str, int]"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of the tables, and of what providers list: all of both, or some.

    Attributes:
        owners: who owns what, by ownership item; bookings are apart from the ``owners`` that domains show.
        pods: the full topology of a pod, by the ownership item of the same pod.
        holders: reservations, placements, capacity claims, VMs and tombstones, by record.
        tags: by record, the tag that marks its hardware in pods, in hex: the tag of its booking, or its
            holder tag, for a VM with ``g`` before it; for a record that cannot be read, the holder tag. A
            placement has none: its reservation owns the hosts.
        shards: by record, the partition of the sparse index that it is in; absent if it is in none.
        unlisted: the records that are not where they belong in the index of holders, with that partition.
        names: by name item, the id of the claim that has the name.
        entries: by queue entry, the record of the claim that waits there.
        quotas: limits and counts, by quota item.
        holds: the holds that the host provider lists.
        servers: the servers of placements that it lists.
        vm_servers: the servers that the VM provider lists.
        disks: the ids of the VMs whose disks the VM provider lists.
        roster: roster entries, by item.
        api_keys: API keys, by the item that a request reads.
        key_listings: items that list an API key of an organization.
        vm_listings: items that list a live VM of an organization.
        unreadable: items that do not decode, or are of no known kind.
    """

    owners: Mapping[Side, PodOwners] = field(default_factory=dict)
    pods: Mapping[Side, Pod] = field(default_factory=dict)
    holders: Mapping[Side, Holder] = field(default_factory=dict)
    tags: Mapping[Side, str] = field(default_factory=dict)
    shards: Mapping[Side, str] = field(default_factory=dict)
    unlisted: Mapping[Side, str] = field(default_factory=dict)
    names: Mapping[Side, str] = field(default_factory=dict)
    entries: Mapping[Side, Side] = field(default_factory=dict)
    quotas: Mapping[Side, Quota] = field(default_factory=dict)
    holds: tuple[Hold, ...] = ()
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
        """Whether all items of organizations were decoded: only then can a holder be called gone."""
        return not any(
            side.table is Table.HOLDERS and side.pk.startswith(keys.organization_partition(""))
            for side in self.unreadable
        )

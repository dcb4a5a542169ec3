"""Decodes the items of all tables into facts for a consistency check.

The key of an item says of which kind it is. An item that does not decode, or is of no known kind, is kept as
unreadable, so that rules conclude nothing from its absence.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.accounts.store import decode_api_key, decode_key_ring
from gpu_capacity.capacity_claims.items import decode_claim
from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE, decode_tombstone, is_tombstone
from gpu_capacity.errors import UnreadableItem
from gpu_capacity.holders.ids import HOLDER_TAG_BYTES, holder_tag
from gpu_capacity.holders.quota_store import decode_quota
from gpu_capacity.holders.repeat_store import decode_recent
from gpu_capacity.inventory.audit_runs import decode_audit_run
from gpu_capacity.inventory.bookings import TAG_BYTES
from gpu_capacity.inventory.fleet.store import decode_feed
from gpu_capacity.inventory.items import (
    PodOwners,
    decode_cordons,
    decode_owners,
    decode_pod,
    decode_region,
    decode_shape,
)
from gpu_capacity.inventory.maintenance_items import decode_maintained_host, decode_maintenance
from gpu_capacity.placements.fault_reports import decode_fault_report
from gpu_capacity.placements.items import decode_placement
from gpu_capacity.placements.record import Placement
from gpu_capacity.reservations.items import decode_reservation
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.upkeep.audit.facts import Facts, Holder, Side, Table
from gpu_capacity.upkeep.watch.store import decode_sighted
from gpu_capacity.vms.items import RosterEntry, decode_entry, decode_vm
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.inventory.model import Pod

# What may be raised by decoding an item that was edited by hand.
_UNDECODABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UnreadableItem)

_ONLY_DECODED: Final[Mapping[str, Callable[[Mapping[str, Any]], object]]] = {
    "SHAPES": decode_shape,
    "CATALOG": decode_region,
    "FEED": decode_feed,
    "CORDONS": decode_cordons,
    "MAINTENANCES": decode_maintenance,
    "MAINTAINED": decode_maintained_host,
    "AUDITS": decode_audit_run,
    "WATCH": decode_sighted,
}
"""Items of the inventory that no rule uses, by the beginning of their partition key."""


@dataclass
class Reading:
    """Collects facts, item by item."""

    owners: dict[Side, PodOwners] = field(default_factory=dict)
    pods: dict[Side, Pod] = field(default_factory=dict)
    holders: dict[Side, Holder] = field(default_factory=dict)
    tags: dict[Side, str] = field(default_factory=dict)
    shards: dict[Side, str] = field(default_factory=dict)
    unlisted: dict[Side, str] = field(default_factory=dict)
    names: dict[Side, str] = field(default_factory=dict)
    entries: dict[Side, Side] = field(default_factory=dict)
    quotas: dict[Side, Quota] = field(default_factory=dict)
    roster: dict[Side, RosterEntry] = field(default_factory=dict)
    api_keys: dict[Side, ApiKey] = field(default_factory=dict)
    key_listings: set[Side] = field(default_factory=set)
    vm_listings: set[Side] = field(default_factory=set)
    unreadable: set[Side] = field(default_factory=set)

    def facts(self) -> Facts:
        """The facts collected so far."""
        return Facts(
            owners=self.owners,
            pods=self.pods,
            holders=self.holders,
            tags=self.tags,
            shards=self.shards,
            unlisted=self.unlisted,
            names=self.names,
            entries=self.entries,
            quotas=self.quotas,
            roster=self.roster,
            api_keys=self.api_keys,
            key_listings=frozenset(self.key_listings),
            vm_listings=frozenset(self.vm_listings),
            unreadable=frozenset(self.unreadable),
        )

    def add(self, table: Table, item: dict[str, Any]) -> None:
        """Add an item, whose attributes are plain values."""
        side = Side(table, item["pk"], item["sk"])
        add = self._add_inventory if table is Table.INVENTORY else self._add_holders
        try:
            add(side, item)
        except _UNDECODABLE:
            self.unreadable.add(side)

    def _add_inventory(self, side: Side, item: dict[str, Any]) -> None:
        match side.pk.partition("#")[0]:
            case "CLAIMS":
                # Bookings are decoded apart from the owners that domains show, so that an owner under a
                # booking is seen as well.
                marks = {name: value for name, value in item.items() if name[0] != "b"}
                booked = decode_owners(item).bookings
                self.owners[side] = _checked(replace(decode_owners(marks), bookings=booked))
            case "HOSTS":
                pod = decode_pod(item)
                claims = keys.owners(pod.region_id, pod.flavor_id, pod.id)
                self.pods[Side.of(Table.INVENTORY, claims)] = pod
            case kind if kind in _ONLY_DECODED:
                _ONLY_DECODED[kind](item)
            case _:
                self.unreadable.add(side)

    def _add_holders(self, side: Side, item: dict[str, Any]) -> None:
        match side.pk.partition("#")[0]:
            case "ORG":
                self._add_of_organization(side, item)
            case "QUEUE":
                if side.sk != keys.QUEUE_RETURNS_SORT_KEY:
                    record = keys.capacity_claim(item["organization"], item["claim"])
                    self.entries[side] = Side.of(Table.HOLDERS, record)
            case keys.ROSTER_PARTITION:
                self.roster[side] = decode_entry(item)
            case "APIKEY":
                self.api_keys[side] = decode_api_key(item)
            case "FAULTS":
                # No rule uses a report; it only has to decode.
                decode_fault_report(item)
            case "RATE":
                # A counter of an earlier version, until the database removes it. No rule uses it; it only has
                # to decode.
                int(item["used"])
            case _:
                self.unreadable.add(side)

    def _add_of_organization(self, side: Side, item: dict[str, Any]) -> None:
        kind = side.sk.partition("#")[0]
        match kind:
            case "RESERVATION" | "PLACEMENT" | "CLAIM" | "VM":
                self._add_record(side, item)
            case "VMLIVE":
                self.vm_listings.add(side)
            case "APIKEYS" | "VMENDED":
                # A count, and an entry that expires with its record. No rule uses them; they only have to
                # decode.
                int(item["revision" if kind == "APIKEYS" else TTL_ATTRIBUTE])
            case "CLAIMNAME":
                self.names[side] = str(item["claim"])
            case "QUOTA":
                self.quotas[side] = decode_quota(item)
            case "SSHKEYS" | "REPEAT":
                # No rule uses these; they only have to decode.
                (decode_key_ring if kind == "SSHKEYS" else decode_recent)(item)
            case "APIKEY":
                self.key_listings.add(side)
            case _:
                self.unreadable.add(side)

    def _add_record(self, side: Side, item: dict[str, Any]) -> None:
        kind, _, name = side.sk.partition("#")
        organization = side.pk.removeprefix(keys.organization_partition(""))
        # A placement owns nothing in a pod: its reservation does.
        match kind:
            case "RESERVATION":
                self.tags[side] = holder_tag(name).hex()
            case "CLAIM":
                self.tags[side] = _tag_of_claim(organization, name)
            case "VM":
                self.tags[side] = keys.GPU_TAG_PREFIX + holder_tag(name).hex()
        if is_tombstone(item):
            self.holders[side] = decode_tombstone(item)
            return
        self.holders[side] = _DECODERS[kind](item)
        if "unsettled" in item and "unsettled_since" in item:
            self.shards[side] = str(item["unsettled"])
        partition = _partition_of(self.holders[side])
        if partition is not None and item.get("held") != partition:
            self.unlisted[side] = partition


_DECODERS: Final[dict[str, Callable[[Mapping[str, Any]], Holder]]] = {
    "RESERVATION": decode_reservation,
    "PLACEMENT": decode_placement,
    "CLAIM": decode_claim,
    "VM": decode_vm,
}


def _partition_of(holder: Holder) -> str | None:
    """Where a holder belongs in the index of holders; None for one that is over."""
    match holder:
        case Reservation() | Placement():
            return keys.held_partition((holder.region_id,), holder.id)
        case CapacityClaim():
            return keys.held_partition(holder.regions, holder.tag)
        case Vm() if holder.expires_at is None:
            return keys.held_partition((holder.region_id,), holder.id)
        case _:
            return None


def _checked(claims: PodOwners) -> PodOwners:
    """The owners of a pod, if each of them is a tag or a map from tags to masks."""
    tags: Iterable[str] = [
        tag
        for owner in claims.owners.values()
        for tag in ([owner.hex()] if isinstance(owner, bytes) else owner)
    ]
    if any(len(bytes.fromhex(tag.removeprefix(keys.GPU_TAG_PREFIX))) != HOLDER_TAG_BYTES for tag in tags):
        raise ValueError("an owner that is no holder tag")
    if any(len(booking.tag) != TAG_BYTES for booking in claims.bookings):
        raise ValueError("a booking under no tag")
    return claims


def _tag_of_claim(organization_id: str, claim_id: str) -> str:
    """``CapacityClaim.tag``, also for a claim that has only a tombstone left."""
    digest = hashlib.sha256(f"{organization_id}#{claim_id}".encode()).digest()
    return digest[:HOLDER_TAG_BYTES].hex()

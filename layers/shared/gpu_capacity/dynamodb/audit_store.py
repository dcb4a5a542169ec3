"""Reads for an audit: whole tables page by page, and the few items of one finding in one moment.

Nothing else reads whole tables. Items are told by their keys; one that does not decode, or is of no kind
known here, is kept as unreadable, so that nothing is concluded from not having understood it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.audit_facts import Facts, Holder, Side, Table
from gpu_capacity.dynamodb.claim_items import decode_claim
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.database import Busy, Committed, Database
from gpu_capacity.dynamodb.fleet_store import decode_feed
from gpu_capacity.dynamodb.inventory_items import (
    PodClaims,
    decode_claims,
    decode_pod,
    decode_region,
    decode_shape,
)
from gpu_capacity.dynamodb.reservation_items import decode_quota, decode_reservation
from gpu_capacity.dynamodb.reservation_store import Tombstone
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.ids import CLAIM_TAG_BYTES, claim_tag
from gpu_capacity.holders.reservation import Quota, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.ports import Pause
    from gpu_capacity.topology.model import Pod

_CONFLICTS_MAX: Final = 12
_PASSING: Final = frozenset(
    {"None", "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
)

# Whatever decoding an item that somebody edited by hand may run into.
_UNDECODABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Tables:
    """Names of the tables by what they are for."""

    inventory: str
    holders: str
    servers: str

    def named(self, table: Table) -> str:
        """The name of a table."""
        return {
            Table.INVENTORY: self.inventory,
            Table.HOLDERS: self.holders,
            Table.SERVERS: self.servers,
        }[table]


class AuditDatabase(Database):
    """A database of which whole tables, and several items of one moment, can be read."""

    def scan(self, table: str, page_items: int | None = None) -> Iterator[dict[str, Any]]:
        """Every item of a table, decoded, strongly consistent page by page."""
        request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        if page_items is not None:
            request["Limit"] = page_items
        while True:
            answer = self._send("scan", **request)
            yield from (decode(item) for item in answer["Items"])
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def get_together(self, wanted: Sequence[tuple[str, keys.Key]]) -> list[dict[str, Any] | None] | None:
        """Up to 100 items as they were at one moment, or ``None`` when rivals wrote to them just then."""
        gets = [{"Get": {"TableName": table, "Key": key}} for table, key in wanted]
        try:
            answer = self._send("transact_get_items", TransactItems=gets)
        except ClientError as error:
            if error.response["Error"]["Code"] == "TransactionInProgressException":
                return None
            reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            if reasons and {reason.get("Code", "None") for reason in reasons} <= _PASSING:
                return None
            raise
        return [decode(found["Item"]) if "Item" in found else None for found in answer["Responses"]]


class AuditStore:
    """The tables, for an audit.

    Args:
        database: where to read, and for repairs to write.
        tables: names of the tables.
        pause: waits before a read or write is sent again after a conflict.
        page_items: how many items a page of a scan has at most; absent for as many as fit.
    """

    def __init__(
        self, database: AuditDatabase, tables: Tables, pause: Pause, page_items: int | None = None
    ) -> None:
        self._database = database
        self._pause = pause
        self._page_items = page_items
        self.tables = tables

    def read_all(self) -> Facts:
        """All tables. Each page is consistent, the whole is not: it is read over some time.

        Holders come last. Owning and being listed begin and end in one transaction; so if at first a pod
        shows an owner, and later no record of it exists, it has given up what it owned or it leaks. A second
        look at the pod alone tells which. The same goes for servers, which end before their record does.
        """
        reading = _Reading()
        for table in (Table.INVENTORY, Table.SERVERS, Table.HOLDERS):
            for item in self._database.scan(self.tables.named(table), self._page_items):
                reading.add(table, item)
        return reading.facts()

    def read_together(self, sides: Sequence[Side]) -> Facts:
        """A few items as they were at one moment.

        Raises:
            StorageUnavailable: rivals kept writing to them.
        """
        wanted = [(self.tables.named(side.table), side.key) for side in sides]
        for attempt in range(_CONFLICTS_MAX):
            found = self._database.get_together(wanted)
            if found is not None:
                reading = _Reading()
                for side, item in zip(sides, found, strict=True):
                    if item is not None:
                        reading.add(side.table, item)
                return reading.facts()
            self._pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)

    def read_organization(self, pk: str) -> Facts:
        """Everything of one organization: a consistent query, over as many pages as it takes."""
        reading = _Reading()
        for item in self._database.query(self.tables.holders, pk):
            reading.add(Table.HOLDERS, item)
        return reading.facts()

    def read_quota(self, side: Side) -> Quota | None:
        """One quota as it is now."""
        item = self._database.get(self.tables.holders, side.key)
        return decode_quota(item) if item is not None else None

    def commit(self, actions: Sequence[Action]) -> bool:
        """Write all or none; false when a condition did not hold.

        Raises:
            StorageUnavailable: whether it stands is not known, or rivals kept writing.
        """
        for attempt in range(_CONFLICTS_MAX):
            outcome = self._database.commit(*actions)
            if not isinstance(outcome, Busy):
                return isinstance(outcome, Committed)
            self._pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)


@dataclass
class _Reading:
    """Facts while they are read."""

    owners: dict[Side, PodClaims] = field(default_factory=dict)
    pods: dict[Side, Pod] = field(default_factory=dict)
    holders: dict[Side, Holder] = field(default_factory=dict)
    tags: dict[Side, str] = field(default_factory=dict)
    shards: dict[Side, str] = field(default_factory=dict)
    names: dict[Side, str] = field(default_factory=dict)
    entries: dict[Side, Side] = field(default_factory=dict)
    quotas: dict[Side, Quota] = field(default_factory=dict)
    servers: dict[Side, bool] = field(default_factory=dict)
    occupied: dict[Side, tuple[str, bool]] = field(default_factory=dict)
    unreadable: set[Side] = field(default_factory=set)

    def facts(self) -> Facts:
        return Facts(
            self.owners,
            self.pods,
            self.holders,
            self.tags,
            self.shards,
            self.names,
            self.entries,
            self.quotas,
            self.servers,
            self.occupied,
            frozenset(self.unreadable),
        )

    def add(self, table: Table, item: dict[str, Any]) -> None:
        side = Side(table, item["pk"], item["sk"])
        add = {
            Table.INVENTORY: self._add_inventory,
            Table.HOLDERS: self._add_holders,
            Table.SERVERS: self._add_server,
        }[table]
        try:
            add(side, item)
        except _UNDECODABLE:
            self.unreadable.add(side)

    def _add_inventory(self, side: Side, item: dict[str, Any]) -> None:
        match side.pk.partition("#")[0]:
            case "CLAIMS":
                self.owners[side] = _checked(decode_claims(item))
            case "HOSTS":
                pod = decode_pod(item)
                claims = keys.claims(pod.region_id, pod.flavor_id, pod.id)
                self.pods[Side.of(Table.INVENTORY, claims)] = pod
            case "SHAPES":
                decode_shape(item)
            case "CATALOG":
                decode_region(item)
            case "FEED":
                decode_feed(item)
            case _:
                self.unreadable.add(side)

    def _add_holders(self, side: Side, item: dict[str, Any]) -> None:
        kind, _, name = side.sk.partition("#")
        if side.pk.startswith("QUEUE#"):
            if side.sk != keys.QUEUE_RETURNS_SORT_KEY:
                record = keys.capacity_claim(item["organization"], item["claim"])
                self.entries[side] = Side.of(Table.HOLDERS, record)
            return
        organization = side.pk.removeprefix(keys.organization_partition(""))
        match kind:
            case "RESERVATION":
                self.tags[side] = claim_tag(name).hex()
                self._add_record(side, item, decode_reservation)
            case "CLAIM":
                self.tags[side] = _tag_of_claim(organization, name)
                self._add_record(side, item, decode_claim)
            case "CLAIMNAME":
                self.names[side] = str(item["claim"])
            case "QUOTA":
                self.quotas[side] = decode_quota(item)
            case _:
                self.unreadable.add(side)

    def _add_record(self, side: Side, item: dict[str, Any], decode_record: Any) -> None:
        if item["status"] == Status.GONE.value:
            self.holders[side] = Tombstone(item["fingerprint"])
            return
        self.holders[side] = decode_record(item)
        if "unsettled" in item and "unsettled_since" in item:
            self.shards[side] = str(item["unsettled"])

    def _add_server(self, side: Side, item: dict[str, Any]) -> None:
        going = "gone_at" in item
        if side.pk.startswith(keys.HOST_PREFIX):
            self.occupied[side] = (str(item["holder"]), going)
        elif side.sk.startswith(keys.HOST_PREFIX):
            self.servers[side] = going
        elif side != Side.of(Table.SERVERS, keys.fence(side.pk.removeprefix(keys.servers_partition("")))):
            self.unreadable.add(side)


def _checked(claims: PodClaims) -> PodClaims:
    """The owners of a pod, if each of them is a tag or a map from tags to masks."""
    tags: Iterable[str] = [
        tag
        for owner in claims.owners.values()
        for tag in ([owner.hex()] if isinstance(owner, bytes) else owner)
    ]
    if any(len(bytes.fromhex(tag)) != CLAIM_TAG_BYTES for tag in tags):
        raise ValueError("an owner that is no claim tag")
    return claims


def _tag_of_claim(organization_id: str, claim_id: str) -> str:
    """``CapacityClaim.tag``, also for what is left of one that is gone."""
    digest = hashlib.sha256(f"{organization_id}#{claim_id}".encode()).digest()
    return digest[:CLAIM_TAG_BYTES].hex()

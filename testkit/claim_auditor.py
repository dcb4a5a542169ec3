"""An independent look at the tables: do holders, pods, queues, names and quotas tell the same story?

It reads raw items and shares no code with the product beyond the layout of keys.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from testkit.auditor import audit_tables
from testkit.pods import owned_in_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testkit.dynamodb import MemoryDynamoDB

    Item = dict[str, Any]
    Tables = Mapping[str, list[Item]]

Domain = tuple[str, str, int]
"""Claims partition, pod, position."""


@dataclass
class Record:
    """A claim as its item tells it."""

    organization: str
    id: str
    name: str
    status: str
    instance: str
    count: int
    zones: list[str]
    created_ms: int
    counted: bool
    indexed: bool
    conditions: list[list[Any]]
    hosts: dict[Domain, int] = field(default_factory=dict)
    owned_in: Counter[str] = field(default_factory=Counter)

    @property
    def tag(self) -> str:
        return hashlib.sha256(f"{self.organization}#{self.id}".encode()).hexdigest()[:16]

    @property
    def allocated(self) -> int:
        return min(sum(n for zone, n in self.owned_in.items() if zone in self.zones), self.count)

    @property
    def pending(self) -> int:
        return self.count - self.allocated

    @property
    def surplus(self) -> int:
        return sum(self.owned_in.values()) - self.allocated

    @property
    def waits(self) -> bool:
        return self.pending > 0 and self.status != "STATUS_DELETING"


def audit_claims(db: MemoryDynamoDB) -> list[str]:
    """Everything that is wrong, as sentences; empty when all is well."""
    tables = db.dump()
    return sorted([*about_reservations(tables), *audit_claim_tables(tables)])


def about_reservations(tables: Tables, *, now: int | None = None) -> list[str]:
    """What the reservations' auditor finds."""
    return audit_tables(tables, now=now)


def audit_claim_tables(tables: Tables) -> list[str]:
    """Everything that is wrong with capacity claims, by what the tables hold."""
    holders, inventory = tables["holders"], tables["inventory"]
    records = [_record(item) for item in holders if _is_claim(item)]
    return [
        *_pods(inventory, records),
        *_queues(holders, records),
        *_names(holders, records),
        *_quota(holders, records),
        *(finding for record in records for finding in _status(record)),
    ]


def instances_held(db: MemoryDynamoDB) -> int:
    """How many hosts are owned one by one, by the pods' items."""
    parts = (parts for _, parts in _parts(db.dump()["inventory"]))
    return sum(hosts.bit_count() for owners in parts for hosts in owners.values())


def claim_records(db: MemoryDynamoDB) -> list[Record]:
    """Every claim that is not gone."""
    return [_record(item) for item in db.dump()["holders"] if _is_claim(item)]


def _is_claim(item: Item) -> bool:
    return str(item["sk"]["S"]).startswith("CLAIM#") and item["status"]["S"] != "gone"


def _record(item: Item) -> Record:
    record = Record(
        organization=item["pk"]["S"].removeprefix("ORG#"),
        id=item["sk"]["S"].removeprefix("CLAIM#"),
        name=item["name"]["S"],
        status=item["status"]["S"],
        instance=item["instance_id"]["S"],
        count=int(item["instance_count"]["N"]),
        zones=[zone["S"] for zone in item["zones"]["L"]],
        created_ms=int(item["created_at"]["N"]) * 1000 + int(item.get("created_millisecond", {"N": 0})["N"]),
        counted="counted" in item,
        indexed="unsettled" in item and "unsettled_since" in item,
        conditions=json.loads(item["conditions"]["S"]),
    )
    for zone, flavor, pods in json.loads(item["allocations"]["S"]):
        for pod, pairs in pods:
            for position, hosts in zip(pairs[::2], pairs[1::2], strict=True):
                domain = (f"CLAIMS#{zone}#{flavor}", f"POD#{pod}", position)
                assert domain not in record.hosts, f"{record.id} lists {domain} twice"
                record.hosts[domain] = hosts
                record.owned_in[zone] += hosts.bit_count()
    return record


def _parts(inventory: list[Item]) -> Iterator[tuple[Domain, dict[str, int]]]:
    for item in inventory:
        if item["pk"]["S"].startswith("CLAIMS#"):
            for position, owners in owned_in_part(item).items():
                yield (item["pk"]["S"], item["sk"]["S"], position), owners


def _pods(inventory: list[Item], records: list[Record]) -> Iterator[str]:
    listed: dict[tuple[Domain, str], int] = defaultdict(int)
    for record in records:
        for domain, hosts in record.hosts.items():
            listed[domain, record.tag] |= hosts
    slots = _slots(inventory)
    owned: dict[tuple[Domain, str], int] = {}
    for domain, owners in _parts(inventory):
        if not owners:
            yield f"{domain} is owned by an empty map"
        taken = 0
        for tag, hosts in owners.items():
            owned[domain, tag] = hosts
            if hosts == 0 or hosts & taken:
                yield f"{domain}: {tag} has {hosts:b}, others have {taken:b}"
            if hosts & ~slots[domain[0].split("#")[1], domain[1], domain[2]]:
                yield f"{domain}: {tag} owns slots that do not exist"
            taken |= hosts
    for key in listed.keys() | owned.keys():
        if listed.get(key) != owned.get(key):
            yield f"{key}: the record says {listed.get(key)}, the pod says {owned.get(key)}"


def _slots(inventory: list[Item]) -> dict[tuple[str, str, int], int]:
    """By zone, pod and position: every slot that the topology knows."""
    known: dict[tuple[str, str, int], int] = defaultdict(int)
    for item in inventory:
        if item["pk"]["S"].startswith("HOSTS#"):
            zone = item["pk"]["S"].removeprefix("HOSTS#")
            for position, _, _, _, hosts in json.loads(item["domains"]["S"]):
                for slot, *_ in hosts:
                    known[zone, item["sk"]["S"], position] |= 1 << slot
    return known


def _queues(holders: list[Item], records: list[Record]) -> Iterator[str]:
    entries = {
        (item["pk"]["S"], item["sk"]["S"])
        for item in holders
        if item["pk"]["S"].startswith("QUEUE#") and item["sk"]["S"] != "!"
    }
    wanted = {
        (f"QUEUE#{zone}#{record.instance}", f"{record.created_ms:015}#{record.organization}#{record.id}")
        for record in records
        if record.waits
        for zone in record.zones
    }
    yield from (f"{entry} waits for nothing" for entry in entries - wanted)
    yield from (f"{entry} is missing" for entry in wanted - entries)


def _names(holders: list[Item], records: list[Record]) -> Iterator[str]:
    names = {
        (item["pk"]["S"].removeprefix("ORG#"), item["sk"]["S"].removeprefix("CLAIMNAME#")): item["claim"]["S"]
        for item in holders
        if item["sk"]["S"].startswith("CLAIMNAME#")
    }
    wanted = {(record.organization, record.name): record.id for record in records}
    if len(wanted) != len(records):
        yield "two claims of an organization have the same name"
    if names != wanted:
        yield f"names are {names}, claims have {wanted}"


def _quota(holders: list[Item], records: list[Record]) -> Iterator[str]:
    counted: Counter[str] = Counter()
    for record in records:
        counted[record.organization] += record.count if record.counted else 0
    quotas = {
        item["pk"]["S"].removeprefix("ORG#"): int(item["used"]["N"])
        for item in holders
        if item["sk"]["S"] == "QUOTA#instances"
    }
    for organization in counted.keys() | quotas.keys():
        if counted[organization] != quotas.get(organization, 0):
            yield f"quota of {organization}: {quotas.get(organization)}, claims say {counted[organization]}"


def _status(record: Record) -> Iterator[str]:
    ready = record.pending == 0 and record.surplus == 0
    if record.status != "STATUS_DELETING" and (record.status == "STATUS_READY") != ready:
        yield f"{record.id} is {record.status}: {record.pending} pending, {record.surplus} too many"
    if record.indexed != (record.status == "STATUS_DELETING" or record.surplus > 0):
        yield f"{record.id} is {record.status} with {record.surplus} too many, indexed: {record.indexed}"
    if [(kind, zone) for kind, zone, *_ in record.conditions] != [
        *(("Allocated", zone) for zone in record.zones),
        ("Progressing", ""),
    ]:
        yield f"{record.id} has conditions {record.conditions} for {record.zones}"
    for kind, zone, truth, _, message, _ in record.conditions:
        given = record.owned_in[zone]
        told = kind != "Allocated" or (
            truth == ("True" if given else "False") and message.startswith(f"{given} ")
        )
        if not told:
            yield f"{record.id} owns {given} in {zone} and says {truth}: {message}"

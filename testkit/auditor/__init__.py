"""An independent check of the tables: do pods, records, quotas, queues, rosters and servers agree?

It reads raw items and shares no code with the product, so that the check does not repeat a mistake of the
write. Rules for holders of one kind are in ``claims``, ``placements`` and ``vms``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias

from testkit.auditor import claims, placements, vms
from testkit.items import (
    CLAIM,
    GONE,
    GPUS_PER_HOST,
    PLACEMENT,
    RESERVATION,
    VM,
    WHOLE,
    Domain,
    Item,
    Record,
    RecordKey,
    allocations_of,
    domains_of,
    gpus_of,
    owners_of,
    record_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from testkit.dynamodb import MemoryDynamoDB

Place: TypeAlias = tuple[str, Domain]
"""Flavor and domain: pods are kept by flavor."""

HOLDING: Final = frozenset({"pending", "provisioning", "provisioned"})
LEAVING: Final = "deprovisioning"
UNSETTLED: Final = frozenset({"claiming", "pending", "provisioning", LEAVING})


def audit(db: MemoryDynamoDB, *, now: int | None = None, at_rest: bool = False) -> list[str]:
    """Return every violation as a sentence; empty if there is none.

    With ``now`` (seconds) it also checks the servers that are not gone by then. ``at_rest`` states that no
    operation or workflow has anything left to do.
    """
    return audit_tables(db.dump(), now=now, at_rest=at_rest)


def audit_tables(
    tables: Mapping[str, list[Item]], *, now: int | None = None, at_rest: bool = False
) -> list[str]:
    """Return the violations in the items of the tables."""
    holders = {(item["pk"]["S"], item["sk"]["S"]): item for item in tables["holders"]}
    records = [record for key, item in holders.items() if (record := record_of(key, item)) is not None]
    live = [record for record in records if record.status != GONE]
    placed = placements.placements_of(holders)
    rentals = [vms.rental_of(record.key, holders[record.key]) for record in live if record.kind == VM]
    findings = [
        *_pods(tables["inventory"]),
        *_ownership(tables["inventory"], live),
        *_reservations(holders, live),
        *_index(holders, records),
        *_held(holders, records),
        *_quotas(holders, records),
        *claims.judge(holders, live),
        *placements.judge(holders, live, placed),
        *vms.judge(rentals),
    ]
    if now is not None:
        servers = tables["servers"]
        present = [item for item in servers if "gone_at" not in item or int(item["gone_at"]["N"]) > now]
        findings += _holds(present, live)
        findings += placements.judge_servers(present, live, placed)
        findings += vms.judge_servers(present, rentals)
        if at_rest:
            findings += placements.judge_rest(present, placed)
            findings += vms.judge_rest(holders, present, rentals)
    return sorted(findings)


def units_held(db: MemoryDynamoDB) -> int:
    """Count the domains that are owned whole, according to the pods' items."""
    return sum(mask == WHOLE for _, _, mask in _owners(db.dump()["inventory"]))


def instances_held(db: MemoryDynamoDB) -> int:
    """Count the hosts that are owned singly, according to the pods' items."""
    return _parts_held(db, gpus=False) // GPUS_PER_HOST


def gpus_held(db: MemoryDynamoDB) -> int:
    """Count the GPUs that are owned singly, according to the pods' items."""
    return _parts_held(db, gpus=True)


def _parts_held(db: MemoryDynamoDB, *, gpus: bool) -> int:
    owners = _owners(db.dump()["inventory"])
    return sum(m.bit_count() for _, tag, m in owners if m != WHOLE and (tag[0] == "g") == gpus)


def _owners(inventory: Iterable[Item]) -> Iterator[tuple[Place, str, int]]:
    for pod in inventory:
        if pod["pk"]["S"].startswith("CLAIMS#"):
            _, region, flavor = pod["pk"]["S"].split("#")
            for position, owners in owners_of(pod).items():
                for tag, mask in owners.items():
                    yield (flavor, (region, pod["sk"]["S"].removeprefix("POD#"), position)), tag, mask


def _ownership(inventory: list[Item], live: list[Record]) -> Iterator[str]:
    """Pods show what records list, and what they name besides or nothing of that."""
    owned = {(place, tag): mask for place, tag, mask in _owners(inventory)}
    listed: defaultdict[tuple[Place, str], int] = defaultdict(int)
    named = set()
    for record in live:
        for domain, mask in record.holds.items():
            place = (record.flavors[domain[:2]], domain)
            for tag in record.tags_at(domain):
                if mask & listed[place, tag]:
                    yield f"{place} is listed twice under {tag}"
                listed[place, tag] |= mask
        for tag, run in record.beside.items():
            named |= {((record.flavors[run[:2]], domain), tag) for domain in domains_of(run)}
    for key in listed.keys() | (owned.keys() - named):
        if listed.get(key) != owned.get(key):
            yield f"{key}: records list {listed.get(key)}, the pod says {owned.get(key)}"


def _pods(inventory: list[Item]) -> Iterator[str]:
    """Owners own GPUs that exist, and no GPU has two owners."""
    there, taken = _there(inventory), defaultdict[Place, int](int)
    for place, tag, mask in _owners(inventory):
        if not mask or mask & taken[place]:
            yield f"{place}: {tag} has {mask:#x}, others have {taken[place]:#x}"
        if mask != WHOLE and mask & ~there[place[1]]:
            yield f"{place}: {tag} owns hosts that do not exist"
        taken[place] |= mask
    for pod in inventory:
        empty = [name for name, value in pod.items() if name[0] == "d" and value.get("M") == {}]
        yield from (f"{pod['pk']['S']} {pod['sk']['S']}: {name} is an empty map" for name in empty)


def _there(inventory: list[Item]) -> defaultdict[Domain, int]:
    """Return by domain a mask of every GPU in the topology."""
    known: defaultdict[Domain, int] = defaultdict(int)
    for pod in inventory:
        if pod["pk"]["S"].startswith("HOSTS#"):
            region, pod_id = pod["pk"]["S"].removeprefix("HOSTS#"), pod["sk"]["S"].removeprefix("POD#")
            for position, _, _, _, hosts in json.loads(pod["domains"]["S"]):
                for slot, *_ in hosts:
                    known[region, pod_id, position] |= gpus_of(1 << slot)
    return known


def _released_all(item: Item) -> bool:
    """Whether a reservation may have released all of its units: then it has the topology hash of none."""
    names = {"regionId": "region", "accelerator": "accelerator", "unit": "unit"}
    none = {**{name: item[stored]["S"] for name, stored in names.items()}, "units": []}
    text = json.dumps(none, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    found = item.get("hash", {"S": ""})["S"]
    return bool(found == "sha256:" + hashlib.sha256(text.encode()).hexdigest())


def _reservations(holders: Mapping[RecordKey, Item], live: list[Record]) -> Iterator[str]:
    for record in live:
        if record.kind == RESERVATION and (
            (record.holds and record.status not in HOLDING | {LEAVING})
            or (not record.holds and record.status in HOLDING and not _released_all(holders[record.key]))
        ):
            yield f"{record.key} is {record.status} and lists {len(record.holds)} domains"


def _index(holders: Mapping[RecordKey, Item], records: list[Record]) -> Iterator[str]:
    """Exactly the records with work left are in the index of unsettled records."""
    for record in records:
        item, since = holders[record.key], "unsettled_since" in holders[record.key]
        if record.kind in (RESERVATION, PLACEMENT):
            wanted = record.status in UNSETTLED or bool(record.beside)
        elif record.kind == CLAIM:
            wanted = record.status != GONE and claims.claim_of(record.key, item).has_work
        else:
            wanted = record.unsettled or record.status in vms.MOVING
        if (record.unsettled, since) != (wanted, wanted):
            yield f"{record.key} is {record.status}, indexed: {record.unsettled}, since: {since}"


def _held(holders: Mapping[RecordKey, Item], records: list[Record]) -> Iterator[str]:
    """Exactly what exists is in the index of holders, under its region, or under several."""
    for record in records:
        item = holders[record.key]
        there = item.get("held", {"S": ""})["S"].partition("#")[0]
        if record.status == GONE or "ttl_sweep_at" in item:
            wanted = ""
        elif record.kind == CLAIM:
            zones = {z["S"] for z in item["zones"]["L"]} | {a[0] for a in allocations_of(item)}
            wanted = zones.pop() if len(zones) == 1 else "*"
        else:
            wanted = item["region_id" if record.kind == VM else "region"]["S"]
        if there != wanted:
            yield f"{record.key} is {record.status} and in the index of holders of {there!r}, not {wanted!r}"


def _quotas(holders: Mapping[RecordKey, Item], records: list[Record]) -> Iterator[str]:
    counted: Counter[RecordKey] = Counter()
    for record in records:
        counted.update(record.counted)
    quotas = {key: int(item["used"]["N"]) for key, item in holders.items() if key[1].startswith("QUOTA#")}
    for quota in counted.keys() | quotas.keys():
        if counted[quota] != quotas.get(quota):
            yield f"{quota} counts {quotas.get(quota)}, records have {counted[quota]}"


def _holds(present: list[Item], live: list[Record]) -> Iterator[str]:
    """Who holds a host has capacity, and both items of each hold agree."""
    holding = (record for record in live if record.holds or record.leaving)
    owners = {owner for record in holding if record.kind == RESERVATION for owner in record.hold_owners}
    held = {
        (item["pk"]["S"].removeprefix("HOLDER#"), item["sk"]["S"].removeprefix("HOST#"))
        for item in present
        if item["sk"]["S"].startswith("HOST#")
    }
    holders = {
        (item["holder"]["S"], item["pk"]["S"].removeprefix("HOST#"))
        for item in present
        if item["sk"]["S"] == "HOST"
    }
    for owner, host in held:
        if owner not in owners:
            yield f"hold of {owner} on {host} outlives its claim"
    for owner, host in held ^ holders:
        yield f"host {host} of {owner}: the items of its hold disagree"

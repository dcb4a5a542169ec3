"""An independent look at the tables: who owns what, and whether all of it agrees.

It reads raw items and shares no code with the product beyond the layout of keys, so that a mistake made
when writing is not made again when checking.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from testkit.pods import owned_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testkit.dynamodb import MemoryDynamoDB

HOLDING = {"pending", "provisioning", "provisioned", "deprovisioning"}
UNSETTLED = {"claiming", "pending", "provisioning", "deprovisioning"}

Place = tuple[str, str, int]
"""Claims partition, pod, position."""


def audit(db: MemoryDynamoDB, *, now: int | None = None) -> list[str]:
    """Everything that is wrong, as sentences; empty when all is well.

    With ``now`` (seconds) servers that have not gone by then must belong to a record that holds capacity.
    """
    return audit_tables(db.dump(), now=now)


def audit_tables(tables: Mapping[str, list[dict[str, Any]]], *, now: int | None = None) -> list[str]:
    """The same of what the tables hold."""
    claimed = _claimed(tables["inventory"])
    records = [item for item in tables["holders"] if item["sk"]["S"].startswith("RESERVATION#")]
    live = [record for record in records if record["status"]["S"] != "gone"]
    findings = [*_claims_against_records(claimed, live), *_indexed_as_unsettled(records)]
    findings += _quotas(tables["holders"])
    if now is not None:
        findings += _servers(tables["servers"], live, now)
    return sorted(findings)


def units_held(db: MemoryDynamoDB) -> int:
    """How many domains are owned, by the pods' items."""
    return len(_claimed(db.dump()["inventory"]))


def _claimed(inventory: list[dict[str, Any]]) -> dict[Place, bytes]:
    """Domains that are owned whole; parts of domains are another holder's business."""
    claims = (item for item in inventory if item["pk"]["S"].startswith("CLAIMS#"))
    return {
        (item["pk"]["S"], item["sk"]["S"], position): tag
        for item in claims
        for position, tag in owned_whole(item).items()
    }


def _tag(record: dict[str, Any]) -> bytes:
    """What stands for a reservation in a pod: its booking's tag, or without one the beginning of its id."""
    if "tag" in record:
        tag: bytes = record["tag"]["B"]
        return tag
    return bytes.fromhex(_identity(record).replace("-", ""))[:8]


def _identity(record: dict[str, Any]) -> str:
    text: str = record["sk"]["S"]
    return text.removeprefix("RESERVATION#")


def _places(record: dict[str, Any]) -> list[Place]:
    if "pod" not in record:
        return []
    partition = f"CLAIMS#{record['region']['S']}#{record['flavor']['S']}"
    start, count = int(record["start"]["N"]), int(record["units"]["N"])
    return [(partition, f"POD#{record['pod']['S']}", start + offset) for offset in range(count)]


def _may_bear(record: dict[str, Any]) -> dict[Place, bytes]:
    """What a record names besides: it may own that, and it may not."""
    if "named_tag" not in record:
        return {}
    partition = f"CLAIMS#{record['region']['S']}#{record['flavor']['S']}"
    start, count = int(record["named_start"]["N"]), int(record["units"]["N"])
    pod, tag = f"POD#{record['named_pod']['S']}", record["named_tag"]["B"]
    return {(partition, pod, start + offset): tag for offset in range(count)}


def _claims_against_records(claimed: dict[Place, bytes], live: list[dict[str, Any]]) -> Iterator[str]:
    listed: dict[Place, list[str]] = defaultdict(list)
    for record in live:
        status, places = record["status"]["S"], _places(record)
        if places and status not in HOLDING:
            yield f"{_identity(record)} is {status} and still lists capacity"
        if not places and status in HOLDING - {"deprovisioning"}:
            yield f"{_identity(record)} is {status} and lists no capacity"
        for place in places:
            listed[place].append(_identity(record))
            if claimed.get(place) != _tag(record):
                yield f"{place} is listed by {_identity(record)} and not its own"
    named = {(place, tag) for record in live for place, tag in _may_bear(record).items()}
    for place, tag in claimed.items():
        if not listed[place] and (place, tag) not in named:
            yield f"{place} is owned by {tag.hex()} and listed by nobody"
        if len(listed[place]) > 1:
            yield f"{place} is listed by {listed[place]}"


def _indexed_as_unsettled(records: list[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        indexed = "unsettled" in record and "unsettled_since" in record
        if indexed != (record["status"]["S"] in UNSETTLED or "named_tag" in record):
            yield f"{_identity(record)} is {record['status']['S']} and indexed: {indexed}"


def _quotas(holders: list[dict[str, Any]]) -> Iterator[str]:
    """Of holders of all kinds."""
    counted: Counter[tuple[str, str]] = Counter()
    for record in holders:
        if "counted" in record:
            for subject, amount in _counted(record):
                counted[record["pk"]["S"], subject] += amount
    quotas = {
        (item["pk"]["S"], item["sk"]["S"].removeprefix("QUOTA#")): int(item["used"]["N"])
        for item in holders
        if item["sk"]["S"].startswith("QUOTA#")
    }
    for quota in counted.keys() | quotas.keys():
        if counted[quota] != quotas.get(quota):
            yield f"quota of {quota} says {quotas.get(quota)}, records say {counted[quota]}"


def _counted(record: dict[str, Any]) -> list[tuple[str, int]]:
    """What a record says that it is counted under."""
    match record["sk"]["S"].partition("#")[0]:
        case "RESERVATION":
            return [(record["accelerator"]["S"], int(record["units"]["N"]))]
        case "CLAIM":
            return [("instances", int(record["instance_count"]["N"]))]
        case _:
            amounts = {"vms": 1, "vm_gpus": int(record["gpu_count"]["N"])}
            return [(word["S"], amounts[word["S"]]) for word in record["counted"]["L"]]


def _servers(servers: list[dict[str, Any]], live: list[dict[str, Any]], now: int) -> Iterator[str]:
    owners = {f"{_identity(record)}-{record['created_at']['N']}" for record in live if "pod" in record}
    present = [item for item in servers if "gone_at" not in item or int(item["gone_at"]["N"]) > now]
    pinned = {
        (item["pk"]["S"].removeprefix("HOLDER#"), item["sk"]["S"].removeprefix("HOST#"))
        for item in present
        if item["sk"]["S"].startswith("HOST#")
    }
    occupied = {
        (item["holder"]["S"], item["pk"]["S"].removeprefix("HOST#"))
        for item in present
        if item["sk"]["S"] == "HOST"
    }
    yield from (
        f"server of {owner} on {host} outlives its claim" for owner, host in pinned if owner not in owners
    )
    yield from (
        f"host {host} of {owner}: server and occupation disagree" for owner, host in pinned ^ occupied
    )

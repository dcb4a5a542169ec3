"""Rules for capacity claims: their queues, names, status and conditions."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testkit.items import CLAIM, GONE, allocations_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testkit.dynamodb import MemoryDynamoDB
    from testkit.items import Domain, Item, Record, RecordKey


@dataclass
class Claim:
    """A claim, read from its item; ``hosts`` are masks, ``owned_in`` counts them by zone."""

    organization: str
    id: str
    name: str
    status: str
    instance: str
    count: int
    zones: list[str]
    created_ms: int
    conditions: list[list[Any]]
    hosts: dict[Domain, int]
    owned_in: Counter[str]

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

    @property
    def has_work(self) -> bool:
        return self.status == "STATUS_DELETING" or self.surplus > 0


def claim_records(db: MemoryDynamoDB) -> list[Claim]:
    """Return every claim that is not gone."""
    return [
        claim_of((item["pk"]["S"], item["sk"]["S"]), item)
        for item in db.dump()["holders"]
        if item["sk"]["S"].startswith(CLAIM) and item["status"]["S"] != GONE
    ]


def claim_of(key: RecordKey, item: Item) -> Claim:
    """Read the claim of an item."""
    hosts: dict[Domain, int] = {}
    owned_in: Counter[str] = Counter()
    for zone, _, pod, position, mask in allocations_of(item):
        hosts[zone, pod, position] = mask
        owned_in[zone] += mask.bit_count()
    return Claim(
        organization=key[0].removeprefix("ORG#"),
        id=key[1].removeprefix(CLAIM),
        name=item["name"]["S"],
        status=item["status"]["S"],
        instance=item["instance_id"]["S"],
        count=int(item["instance_count"]["N"]),
        zones=[zone["S"] for zone in item["zones"]["L"]],
        created_ms=int(item["created_at"]["N"]) * 1000 + int(item.get("created_millisecond", {"N": 0})["N"]),
        conditions=json.loads(item["conditions"]["S"]),
        hosts=hosts,
        owned_in=owned_in,
    )


def judge(holders: Mapping[RecordKey, Item], live: list[Record]) -> Iterator[str]:
    """Yield the violations of claims, except those of ownership and quotas."""
    claims = [claim_of(record.key, holders[record.key]) for record in live if record.kind == CLAIM]
    yield from _queues(holders, claims)
    yield from _names(holders, claims)
    for claim in claims:
        yield from _conditions(claim)
        if len(claim.hosts) < len(allocations_of(holders[f"ORG#{claim.organization}", CLAIM + claim.id])):
            yield f"{claim.id} lists a domain twice"


def _queues(holders: Mapping[RecordKey, Item], claims: list[Claim]) -> Iterator[str]:
    entries = {key for key in holders if key[0].startswith("QUEUE#") and key[1] != "!"}
    wanted = {
        (f"QUEUE#{zone}#{claim.instance}", f"{claim.created_ms:015}#{claim.organization}#{claim.id}")
        for claim in claims
        if claim.waits
        for zone in claim.zones
    }
    yield from (f"{entry} waits for nothing" for entry in entries - wanted)
    yield from (f"{entry} is missing" for entry in wanted - entries)


def _names(holders: Mapping[RecordKey, Item], claims: list[Claim]) -> Iterator[str]:
    names = {
        (partition.removeprefix("ORG#"), name.removeprefix("CLAIMNAME#")): item["claim"]["S"]
        for (partition, name), item in holders.items()
        if name.startswith("CLAIMNAME#")
    }
    wanted = {(claim.organization, claim.name): claim.id for claim in claims}
    if len(wanted) != len(claims):
        yield "two claims of an organization have the same name"
    if names != wanted:
        yield f"names are {names}, claims have {wanted}"


def _conditions(claim: Claim) -> Iterator[str]:
    """Status and conditions agree with what the claim owns."""
    ready = claim.pending == 0 and claim.surplus == 0
    if claim.status != "STATUS_DELETING" and (claim.status == "STATUS_READY") != ready:
        yield f"{claim.id} is {claim.status}: {claim.pending} pending, {claim.surplus} too many"
    if [(kind, zone) for kind, zone, *_ in claim.conditions] != [
        *(("Allocated", zone) for zone in claim.zones),
        ("Progressing", ""),
    ]:
        yield f"{claim.id} has conditions {claim.conditions} for {claim.zones}"
    for kind, zone, truth, _, message, _ in claim.conditions:
        given = claim.owned_in[zone]
        said = truth == ("True" if given else "False") and message.startswith(f"{given} ")
        if kind == "Allocated" and not said:
            yield f"{claim.id} owns {given} in {zone} and says {truth}: {message}"

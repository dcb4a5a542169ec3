"""Loses records, as by hand or by a restore, and lets an audit repair the rest.

Runs on a copy of the tables, when everything is settled. A holder without a record keeps its hardware as long
as a provider has a server of it. Once an operator names the holder, everything is released.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.runtime.wiring import Edges, audit_of, providers_of
from gpu_capacity.upkeep.audit.findings import Kind
from gpu_capacity.upkeep.audit.run import audit_holders
from proof.surroundings import Silence
from testkit.doubles import CountingIds, FakeClock
from testkit.items import GONE, owners_of, record_of
from testkit.placed import placed_of
from testkit.world import HOLDERS, INVENTORY, SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from proof.cloud import Cloud
    from testkit.dynamodb import MemoryDynamoDB
    from testkit.items import Domain, Record, RecordKey

ALL_LOST_SHARE: Final = 0.2
"""The probability that all records are lost, and not some."""

_ROUNDS: Final = 3
"""Servers go before the hosts that are held for them."""

_SECONDS_UNTIL_GONE: Final = 60


def after_losses(cloud: Cloud, draw: Random) -> Iterator[str]:
    """The mistakes of a repairing audit after records were lost, as sentences."""
    clock = FakeClock(cloud.clock.now())
    db = cloud.db.copy(clock.now)
    lost = _lose(db, draw)
    edges = Edges(db, clock, CountingIds("lost"), lambda _attempt: None, Silence())
    audit = audit_of(cloud.settings, edges, providers_of(cloud.settings, edges))
    before = _servers(db)
    audit_holders(audit, fix=True)
    after, owners = _servers(db), _owners(db)
    if before != after:
        yield f"a repair removed servers: {sorted(before - after)}"
    served = {owner for owner, _ in before}
    for record in lost:
        if owner_served := sorted(served & record.hold_owners):
            for domain, mask in record.holds.items():
                if any(owners.get(domain, {}).get(tag) != mask for tag in record.tags_at(domain)):
                    yield f"a repair freed {domain} under the servers of {owner_served}"
    # A reservation that moved has its hosts under another name than that of its first run.
    names = {owner for record in lost for owner in record.hold_owners}
    names |= {record.key[1].partition("#")[2] for record in lost}
    for _ in range(_ROUNDS):
        audit_holders(replace(audit, taken_away=frozenset(names)), fix=True)
        clock.advance(_SECONDS_UNTIL_GONE)
    gone = {server for server in before if server[0] in names}
    if _servers(db) != before - gone:
        yield "the named owners still have something, or other owners lost something"
    of_lost = {record.key[1] for record in lost}
    for one in audit_holders(audit).reported:
        # Only an operator can tell whether a reservation has to keep hosts for a placement that was lost.
        if one.finding.kind is not Kind.OCCUPIED_STALE or one.finding.sides[1].sk not in of_lost:
            yield f"after all repairs the audit reports {one.finding.kind}: {one.finding.subject}"


def _lose(db: MemoryDynamoDB, draw: Random) -> list[Record]:
    """Delete some records, and return them. A reservation is lost with its placements."""
    records = [
        record
        for item in db.table(HOLDERS).items()
        if (record := record_of((item["pk"]["S"], item["sk"]["S"]), item)) and record.status != GONE
    ]
    records.sort(key=lambda record: record.key)
    lost = [record for record in records if draw.random() < 1 / 2]
    if draw.random() < ALL_LOST_SHARE:
        lost = records
    keys = {record.key for record in lost}
    lost = [record for record in records if keys & {record.key, _home(db, record)}]
    for record in lost:
        pk, sk = record.key
        db.delete_item(TableName=HOLDERS, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    return lost


def _home(db: MemoryDynamoDB, record: Record) -> RecordKey | None:
    """The reservation of a placement."""
    placed = placed_of(record.key, db.table(HOLDERS).get(record.key))
    return placed.reservation if placed else None


def _owners(db: MemoryDynamoDB) -> dict[Domain, dict[str, int]]:
    """The owners, according to the pods."""
    return {
        (item["pk"]["S"].split("#")[1], item["sk"]["S"].partition("#")[2], position): owners
        for item in db.table(INVENTORY).items()
        if item["pk"]["S"].startswith("CLAIMS#")
        for position, owners in owners_of(item).items()
    }


def _servers(db: MemoryDynamoDB) -> set[tuple[str, str]]:
    """Owner, and host or nothing, of every server without a request to remove it."""
    found = set()
    for item in db.table(SERVERS).items():
        kind, _, owner = item["pk"]["S"].partition("#")
        if kind in ("HOLDER", "PLACEMENT", "VMRUN") and item["sk"]["S"] != "FENCE" and "gone_at" not in item:
            found.add((owner, item["sk"]["S"].partition("#")[2]))
    return found

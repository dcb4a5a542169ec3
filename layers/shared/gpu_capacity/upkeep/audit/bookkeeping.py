"""Rules about quotas, queues, names and the sparse index; and all rules together, in ``findings_of``. Pure.

See ``rules`` for how rules are applied, ``vms`` for rules about VMs, and ``servers`` for those about what
providers have.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.placements.record import Placement
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.upkeep.audit.facts import Facts, Side, Table
from gpu_capacity.upkeep.audit.findings import (
    DropItem,
    Enqueue,
    Finding,
    Index,
    Kind,
    ListHolder,
    Register,
    SetUsed,
)
from gpu_capacity.upkeep.audit.placements import placement_findings
from gpu_capacity.upkeep.audit.rules import capacity_findings
from gpu_capacity.upkeep.audit.servers import server_findings
from gpu_capacity.upkeep.audit.vms import has_work, vm_findings
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.upkeep.audit.facts import Holder, Record

_COUNTED_MAX = 99
"""Counted holders that the repair of a quota can check: a transaction takes 100 actions, with the quota."""


def findings_of(facts: Facts) -> list[Finding]:
    """The findings of all rules, in a fixed order."""
    found = [
        *capacity_findings(facts),
        *vm_findings(facts),
        *placement_findings(facts),
        *_quotas(facts),
        *_queues(facts),
        *_names(facts),
        *server_findings(facts),
        *_index(facts),
        *_held(facts),
        *(Finding(Kind.UNREADABLE, str(side), "cannot be understood", (side,)) for side in facts.unreadable),
    ]
    return sorted(found, key=lambda finding: finding.identity)


def _quotas(facts: Facts) -> Iterator[Finding]:
    """Quotas whose ``used`` is not the sum over the holders that are marked as counted."""
    counted: dict[Side, list[tuple[Side, Record]]] = defaultdict(list)
    amounts: dict[Side, int] = defaultdict(int)
    for record, holder in sorted(facts.holders.items()):
        if isinstance(holder, Tombstone):
            continue
        for subject, amount in holder.counts.items():
            side = Side.of(Table.HOLDERS, keys.quota(holder.organization_id, subject))
            counted[side].append((record, holder))
            amounts[side] += amount
    # In these partitions a record cannot be read, which may be what is missing in the sum.
    unclear = {side.pk for side in facts.unreadable}
    for side in sorted(counted.keys() | facts.quotas.keys()):
        holders = counted.get(side, [])
        quota = facts.quotas.get(side)
        recount = amounts.get(side, 0)
        if side.pk in unclear or (quota is not None and quota.used == recount):
            continue
        repair = None
        if quota is not None and len(holders) <= _COUNTED_MAX:
            repair = SetUsed(side, quota.used, recount, tuple(holders))
        used = f"{quota.used} counted" if quota else "there is no quota"
        yield Finding(
            Kind.QUOTA_DRIFT, str(side), f"{used}, the holders add up to {recount}", (side,), repair
        )


def _queues(facts: Facts) -> Iterator[Finding]:
    """Queue entries of claims that do not wait there, and claims that wait without an entry."""
    waiting: dict[Side, tuple[Side, CapacityClaim, str]] = {}
    for record, holder in facts.holders.items():
        if isinstance(holder, CapacityClaim):
            for zone in holder.waits_in:
                key = keys.queued(
                    zone, holder.instance_id, holder.created_ms, (holder.organization_id, holder.id)
                )
                waiting[Side.of(Table.HOLDERS, key)] = (record, holder, zone)
    for entry, record in facts.entries.items():
        if entry not in waiting and record not in facts.unreadable:
            yield Finding(
                Kind.QUEUE_STALE,
                str(entry),
                "the claim does not wait there",
                (entry, record),
                _drop(entry, record, facts.holders.get(record)),
            )
    for entry, (record, holder, zone) in waiting.items():
        if facts.entries.get(entry) != record and entry not in facts.unreadable:
            taken = entry in facts.entries
            yield Finding(
                Kind.QUEUE_MISSING,
                str(entry),
                "the claim waits there and has no entry",
                (entry, record),
                None if taken else Enqueue(entry, record, holder, zone),
            )


def _names(facts: Facts) -> Iterator[Finding]:
    """Names of claims that are gone or have another name, and claims whose name is not recorded."""
    # By name item: the record that has the name.
    having: dict[Side, Side] = {}
    for name, claim_id in facts.names.items():
        organization = name.pk.removeprefix(keys.organization_partition(""))
        record = Side.of(Table.HOLDERS, keys.capacity_claim(organization, claim_id))
        holder = facts.holders.get(record)
        if isinstance(holder, CapacityClaim) and _name_of(holder) == name:
            having[name] = record
        elif record not in facts.unreadable:
            yield Finding(
                Kind.NAME_STALE,
                str(name),
                "stands for a claim that is gone or has another name",
                (name, record),
                _drop(name, record, holder),
            )
    for record, holder in facts.holders.items():
        if not isinstance(holder, CapacityClaim):
            continue
        name = _name_of(holder)
        if name in facts.unreadable or having.get(name) == record:
            continue
        message = "another claim has the name" if name in having else "nobody stands for the claim's name"
        repair = None if name in facts.names else Register(name, record, holder)
        yield Finding(Kind.NAME_MISSING, str(record), message, (record, name), repair)


def _name_of(claim: CapacityClaim) -> Side:
    return Side.of(Table.HOLDERS, keys.claim_name(claim.organization_id, claim.name))


def _drop(item: Side, record: Side, holder: Holder | None) -> DropItem | None:
    """The repair of an entry or a name under a claim's key; None if another kind of holder has the key."""
    if isinstance(holder, (Reservation, Placement, Vm)):
        return None
    return DropItem(item, record, holder, record.sk.removeprefix(keys.CLAIM_PREFIX))


def _index(facts: Facts) -> Iterator[Finding]:
    """Unsettled records that are not in the sparse index, so that no schedule finds them."""
    for record, holder in facts.holders.items():
        match holder:
            case Reservation() | Placement() if holder.is_unsettled:
                shard = keys.unsettled_shard(holder.id)
            case CapacityClaim() if holder.status is ClaimStatus.DELETING or holder.surplus:
                shard = str(int(holder.tag, 16) % keys.UNSETTLED_SHARDS)
            case Vm() if has_work(holder):
                shard = keys.unsettled_shard(holder.id)
            case _:
                continue
        if facts.shards.get(record) not in keys.unsettled_shards():
            message = f"{holder.status}, and not in the index of what is unsettled"
            repair = Index(record, holder, shard)
            yield Finding(Kind.UNSETTLED_MISSING, str(record), message, (record,), repair)


def _held(facts: Facts) -> Iterator[Finding]:
    """Holders that are not in the index of holders, or under another region: no operator sees them."""
    for record, partition in facts.unlisted.items():
        holder = facts.holders.get(record)
        if holder is not None and not isinstance(holder, Tombstone):
            message = f"{holder.status}, and not in the index of holders"
            repair = ListHolder(record, holder, partition)
            yield Finding(Kind.HOLDER_UNLISTED, str(record), message, (record,), repair)

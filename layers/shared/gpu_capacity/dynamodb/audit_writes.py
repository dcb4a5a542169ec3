"""Every repair of an audit, as a value: one atomic write, with the reasons why it can do no harm.

A repair demands that everything it was decided on is still so, in the write itself. So it needs no quiet
moment: what has moved on refuses it, and the next audit looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.audit_facts import (
    DropItem,
    Enqueue,
    Index,
    MarkPart,
    Register,
    ReleasePart,
    Repair,
    SetHash,
    SetUsed,
    Side,
)
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.host_writes import with_hosts
from gpu_capacity.dynamodb.reservation_store import Tombstone
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update
from gpu_capacity.holders.capacity_claim import CapacityClaim
from gpu_capacity.holders.reservation import Reservation, Status

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.audit_store import Tables
    from gpu_capacity.dynamodb.client import AttributeValue
    from gpu_capacity.dynamodb.writes import Action

_REPAIRED: Final = "repaired"
_STATUS: Final = {"#status": "status"}


def actions_for(repair: Repair, tables: Tables, now: int) -> list[Action]:  # noqa: PLR0911 - one a kind
    """The one transaction of a repair. ``now`` is in seconds since the epoch."""
    match repair:
        case ReleasePart():
            return _release(repair, tables, now)
        case MarkPart():
            return _mark(repair, tables)
        case SetHash():
            return _set_hash(repair, tables)
        case SetUsed():
            return _set_used(repair, tables)
        case DropItem():
            return _drop(repair, tables)
        case Enqueue():
            return _enqueue(repair, tables)
        case Register():
            return _register(repair, tables)
        case Index():
            return [_index(repair, tables, now)]


def _release(repair: ReleasePart, tables: Tables, now: int) -> list[Action]:
    """Exactly that tag, while the domain is as it was read and no server occupies any of its hosts.

    A record of the holder cannot appear meanwhile: its id is random, or stands under a tombstone for a day.
    """
    domain = keys.domain_attribute(repair.position)
    values = {":owner": encode_value(repair.owner)}
    left = (
        {t: m for t, m in repair.owner.items() if t != repair.tag} if isinstance(repair.owner, dict) else {}
    )
    if left:
        values[":left"] = encode_value(left)
    update = f"SET {domain} = :left" if left else f"REMOVE {domain}"
    free = Update(_REPAIRED, tables.inventory, repair.pod.key, update, f"{domain} = :owner", {}, values)
    empty = [
        Check(
            f"host:{host_id}",
            tables.servers,
            keys.occupied_host(host_id),
            "attribute_not_exists(pk) OR gone_at <= :now",
            {},
            {":now": encode_value(now)},
        )
        for host_id in repair.hosts
    ]
    gone = [_unchanged(repair.tombstone, None, tables)] if repair.tombstone else []
    return [free, *empty, *gone]


def _mark(repair: MarkPart, tables: Tables) -> list[Action]:
    """What the record lists, while it still lists it and the domain is as it was read.

    It can only ever take away what might be sold to somebody else.
    """
    domain = keys.domain_attribute(repair.position)
    values: dict[str, AttributeValue] = {}
    if repair.hosts is None:
        values[":tag"] = {"B": bytes.fromhex(repair.tag)}
    else:
        values[":tag"] = encode_value(with_hosts(repair.owner, repair.tag, repair.hosts))
    if repair.owner is None:
        demand = f"attribute_exists(v) AND attribute_not_exists({domain})"
    else:
        demand = f"{domain} = :owner"
        values[":owner"] = encode_value(repair.owner)
    mark = Update(_REPAIRED, tables.inventory, repair.pod.key, f"SET {domain} = :tag", demand, {}, values)
    return [mark, _unchanged(repair.record, repair.holder, tables)]


def _set_hash(repair: SetHash, tables: Tables) -> list[Action]:
    """The hash of the hardware, while that is the version that was read and the claim is the same."""
    demand, names, values = _same(repair.holder)
    return [
        Update(
            _REPAIRED,
            tables.holders,
            repair.record.key,
            "SET topology_hash = :hash",
            demand,
            names,
            values | {":hash": {"S": repair.topology_hash}},
        ),
        Check(
            "hardware",
            tables.inventory,
            repair.hardware.key,
            "v = :version",
            {},
            {":version": encode_value(repair.version)},
        ),
    ]


def _set_used(repair: SetUsed, tables: Tables) -> list[Action]:
    """The recount, while the count is the one that was read and every counted holder is as it was.

    A holder that came since has moved the count, so it need not be named.
    """
    used = Update(
        _REPAIRED,
        tables.holders,
        repair.quota.key,
        "SET used = :recount",
        "used = :used",
        {},
        {":used": encode_value(repair.used), ":recount": encode_value(repair.recount)},
    )
    return [used, *(_unchanged(record, holder, tables) for record, holder in repair.counted)]


def _drop(repair: DropItem, tables: Tables) -> list[Action]:
    """A queue entry or a name, while it is that claim's and the claim is as it was read."""
    item = Delete(
        _REPAIRED,
        tables.holders,
        repair.item.key,
        "claim = :claim",
        {},
        {":claim": {"S": repair.claim_id}},
    )
    return [item, _unchanged(repair.record, repair.holder, tables)]


def _enqueue(repair: Enqueue, tables: Tables) -> list[Action]:
    """The entry, and the count of returns: it keeps its age, so it may stand before one that is served."""
    claim = repair.holder
    entry = encode({"organization": claim.organization_id, "claim": claim.id})
    return [
        Put(_REPAIRED, tables.holders, repair.entry.key | entry, "attribute_not_exists(pk)"),
        Update(
            "returns",
            tables.holders,
            keys.queue_returns(repair.zone, claim.instance_id),
            "ADD comebacks :one",
            None,
            {},
            {":one": encode_value(1)},
        ),
        _unchanged(repair.record, claim, tables),
    ]


def _register(repair: Register, tables: Tables) -> list[Action]:
    """The name, if nobody has it, while the claim is as it was read."""
    name = repair.name.key | encode({"claim": repair.holder.id})
    return [
        Put(_REPAIRED, tables.holders, name, "attribute_not_exists(pk)"),
        _unchanged(repair.record, repair.holder, tables),
    ]


def _index(repair: Index, tables: Tables, now: int) -> Update:
    """Back into the sparse index, while the record is as it was read. Reconcile does the rest."""
    demand, names, values = _same(repair.holder)
    return Update(
        _REPAIRED,
        tables.holders,
        repair.record.key,
        "SET unsettled = :shard, unsettled_since = :now",
        demand,
        names,
        values | {":shard": {"S": repair.shard}, ":now": encode_value(now)},
    )


def _unchanged(record: Side, holder: Reservation | CapacityClaim | Tombstone | None, tables: Tables) -> Check:
    """Demand that a record is as it was read, or that there still is none."""
    if holder is None:
        return Check(f"record:{record}", tables.holders, record.key, "attribute_not_exists(pk)")
    if isinstance(holder, Tombstone):
        demand, names, values = "#status = :gone", _STATUS, {":gone": encode_value(Status.GONE.value)}
    else:
        demand, names, values = _same(holder)
    return Check(f"record:{record}", tables.holders, record.key, demand, names, values)


def _same(
    holder: Reservation | CapacityClaim,
) -> tuple[str, dict[str, str], dict[str, AttributeValue]]:
    """The condition that a record says of its capacity what it said when it was read.

    A claim is locked by its revision. What a reservation lists, once given up, never comes back; so its
    creation time and what it lists now are enough.
    """
    if isinstance(holder, CapacityClaim):
        return "revision = :revision", {}, {":revision": encode_value(holder.revision)}
    counted = "attribute_exists" if holder.counted else "attribute_not_exists"
    demand = f"#status = :status AND created_at = :created AND {counted}(counted)"
    values: dict[str, AttributeValue] = {
        ":status": {"S": holder.status.value},
        ":created": encode_value(holder.created_at),
    }
    if holder.placement is None:
        return f"{demand} AND attribute_not_exists(pod)", _STATUS, values
    values |= {":pod": {"S": holder.placement.pod_id}, ":start": encode_value(holder.placement.start)}
    names = _STATUS | {"#start": "start"}
    return f"{demand} AND pod = :pod AND #start = :start", names, values

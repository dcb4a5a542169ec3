"""Every repair of an audit, as a value: one atomic write, with the reasons why it can do no harm.

A repair demands that everything it was decided on is still so, in the write itself. So it needs no quiet
moment: what has moved on refuses it, and the next audit looks again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from gpu_capacity.accounts.store import encode_listing
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update
from gpu_capacity.holders.host_writes import with_hosts
from gpu_capacity.holders.store import as_read
from gpu_capacity.inventory.bookings import new_tag
from gpu_capacity.inventory.items import encode_booking
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.upkeep.audit.facts import (
    DropItem,
    EndBooking,
    Enqueue,
    Index,
    ListKey,
    MarkPart,
    MarkRun,
    Register,
    ReleasePart,
    SetEntry,
    SetHash,
    SetListing,
    SetUsed,
    Side,
    TakeNoticeBack,
    UnlistKey,
    Write,
)
from gpu_capacity.vms.items import encode_entry, listing_item
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.dynamodb.client import AttributeValue
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.upkeep.audit.facts import Holder, Record
    from gpu_capacity.upkeep.audit.store import Tables

_REPAIRED: Final = "repaired"
_STATUS: Final = {"#status": "status"}


def actions_for(repair: Write, tables: Tables, now: int) -> list[Action]:  # noqa: C901, PLR0911, PLR0912 - one a kind
    """The one transaction of a repair. ``now`` is in seconds since the epoch."""
    match repair:
        case ReleasePart():
            return _release(repair, tables, now)
        case EndBooking():
            return _end_booking(repair, tables)
        case MarkPart():
            return _mark(repair, tables)
        case MarkRun():
            return _mark_run(repair, tables)
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
        case SetEntry():
            return _set_entry(repair, tables)
        case SetListing():
            return _set_listing(repair, tables)
        case TakeNoticeBack():
            return _take_notice_back(repair, tables)
        case ListKey():
            return _list_key(repair, tables)
        case UnlistKey():
            return _unlist_key(repair, tables)


def _release(repair: ReleasePart, tables: Tables, now: int) -> list[Action]:
    """Exactly that tag, while the domain is as it was read. That nothing is left on it, the providers said.

    A domain that is emptied gets a stamp which was never there: the time is part of what it is made of.

    A record of the holder cannot appear meanwhile: its id is random, or stands under a tombstone for a day.
    A VM that is destroyed or has failed never has GPUs again.
    """
    domain = keys.domain_attribute(repair.position)
    values = {":owner": encode_value(repair.owner)}
    left = (
        {t: m for t, m in repair.owner.items() if t != repair.tag} if isinstance(repair.owner, dict) else {}
    )
    stamp = new_tag(hashlib.sha256(f"{repair.pod} {repair.position} {repair.tag} {now}".encode()).digest())
    values[":left"] = encode_value(left or stamp)
    update = f"SET {domain} = :left"
    free = Update(_REPAIRED, tables.inventory, repair.pod.key, update, f"{domain} = :owner", {}, values)
    over = [_unchanged(repair.record, repair.holder, tables)] if repair.record else []
    return [free, *over]


def _mark(repair: MarkPart, tables: Tables) -> list[Action]:
    """What the record lists, while it still lists it and the domain is as it was read.

    It can only ever take away what might be sold to somebody else.
    """
    domain = keys.domain_attribute(repair.position)
    values: dict[str, AttributeValue] = {}
    if repair.mask is None:
        values[":tag"] = {"B": bytes.fromhex(repair.tag)}
    else:
        parts = repair.owner if isinstance(repair.owner, dict) else None
        values[":tag"] = encode_value(with_hosts(parts, repair.tag, repair.mask))
    if repair.owner is None:
        demand = f"attribute_exists(v) AND attribute_not_exists({domain})"
    else:
        demand = f"{domain} = :owner"
        values[":owner"] = encode_value(repair.owner)
    mark = Update(_REPAIRED, tables.inventory, repair.pod.key, f"SET {domain} = :tag", demand, {}, values)
    return [mark, _unchanged(repair.record, repair.holder, tables)]


def _end_booking(repair: EndBooking, tables: Tables) -> list[Action]:
    """Exactly that booking. That nothing is left on it, the providers said.

    No record of it can appear meanwhile: a booking is made after its record, and its tag is never used again.
    """
    demand = "#b = :booking"
    names = {"#b": keys.booking_attribute(repair.booking.tag)}
    values = {":booking": encode_value(encode_booking(repair.booking))}
    return [Update(_REPAIRED, tables.inventory, repair.pod.key, "REMOVE #b", demand, names, values)]


def _mark_run(repair: MarkRun, tables: Tables) -> list[Action]:
    """The booking that the record lists, while it still lists it and every domain is free as it was read.

    A domain that somebody came to own has another stamp, or none.
    """
    booking = repair.booking
    demands, names = ["attribute_exists(v)"], {"#b": keys.booking_attribute(booking.tag)}
    demands.append("attribute_not_exists(#b)")
    values = {":tag": encode_value(booking.tag), ":booking": encode_value(encode_booking(booking))}
    domains = [keys.domain_attribute(position) for position in booking.positions]
    for domain, stamp in zip(domains, repair.stamps, strict=True):
        if stamp is None:
            demands.append(f"attribute_not_exists({domain})")
        else:
            values[f":{domain}"] = encode_value(stamp)
            demands.append(f"{domain} = :{domain}")
    update = "SET " + "".join(f"{domain} = :tag, " for domain in domains) + "#b = :booking"
    demand = " AND ".join(demands)
    mark = Update(_REPAIRED, tables.inventory, repair.pod.key, update, demand, names, values)
    return [mark, _unchanged(repair.record, repair.holder, tables)]


def _set_hash(repair: SetHash, tables: Tables) -> list[Action]:
    """The hash of the hardware, while that is the version that was read and the claim is the same."""
    demand, names, values = _same(repair.holder)
    return [
        Update(
            _REPAIRED,
            tables.holders,
            repair.record.key,
            "SET topology_hash = :hash, revision = :next",
            demand,
            names,
            values
            | {":hash": {"S": repair.topology_hash}, ":next": encode_value(repair.holder.revision + 1)},
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
    change = "SET unsettled = :shard, unsettled_since = :now"
    values |= {":shard": {"S": repair.shard}, ":now": encode_value(now)}
    if isinstance(repair.holder, (Reservation, Vm)):
        # Others put the record whole: without a new revision one who read it before would undo this.
        change += ", revision = :next"
        values[":next"] = encode_value(repair.holder.revision + 1)
    return Update(_REPAIRED, tables.holders, repair.record.key, change, demand, names, values)


def _set_entry(repair: SetEntry, tables: Tables) -> list[Action]:
    """The roster's entry, while it and the record are as they were read.

    The service writes the two together, so while the record stands the entry is nobody else's to change.
    """
    demand, names, values = "attribute_not_exists(pk)", {}, {}
    if repair.was is not None:
        demand = "organization = :organization AND vm = :vm AND #status = :status"
        names = _STATUS
        values = {
            ":organization": encode_value(repair.was.organization_id),
            ":vm": encode_value(repair.was.vm_id),
            ":status": encode_value(repair.was.status.value),
        }
    entry: Action
    if repair.entry is None:
        entry = Delete(_REPAIRED, tables.holders, repair.side.key, demand, names, values)
    else:
        entry = Put(_REPAIRED, tables.holders, encode_entry(repair.entry), demand, names, values)
    return [entry, _unchanged(repair.record, repair.holder, tables)]


def _set_listing(repair: SetListing, tables: Tables) -> list[Action]:
    """The entry in the organization's list, while the record is as it was read."""
    entry: Action
    if repair.listed is None:
        entry = Delete(_REPAIRED, tables.holders, repair.side.key)
    else:
        entry = Put(_REPAIRED, tables.holders, listing_item(repair.listed))
    return [entry, _unchanged(repair.record, repair.holder, tables)]


def _take_notice_back(repair: TakeNoticeBack, tables: Tables) -> list[Action]:
    """The mark on a VM, while both it and the one that it was to leave for are as they were read.

    It can only ever keep a VM running, for which nobody waits.
    """
    demand, names, values = _same(repair.holder)
    stay = Update(
        _REPAIRED,
        tables.holders,
        repair.record.key,
        "SET revision = :next REMOVE preempt_at, preempted_by",
        demand,
        names,
        values | {":next": encode_value(repair.holder.revision + 1)},
    )
    return [stay, _unchanged(repair.waiting, repair.newcomer, tables)]


def _list_key(repair: ListKey, tables: Tables) -> list[Action]:
    """The listing of an API key, while there is such a key and none lists it."""
    key = repair.key
    return [
        Put(
            _REPAIRED,
            tables.holders,
            encode_listing(key),
            "attribute_not_exists(pk)",
        ),
        _key_of(repair.record, key, tables),
    ]


def _unlist_key(repair: UnlistKey, tables: Tables) -> list[Action]:
    """A listing, while there is no such key, or it is another organization's. Keys are never moved."""
    listing = Delete(_REPAIRED, tables.holders, repair.listing.key, "attribute_exists(pk)")
    return [listing, _key_of(repair.record, repair.key, tables)]


def _key_of(record: Side, key: ApiKey | None, tables: Tables) -> Check:
    """Demand that an API key is still its organization's, or that there still is none."""
    if key is None:
        return Check("key", tables.holders, record.key, "attribute_not_exists(pk)")
    return Check(
        "key",
        tables.holders,
        record.key,
        "organization = :organization",
        {},
        {":organization": {"S": key.organization_id}},
    )


def _unchanged(record: Side, holder: Holder | None, tables: Tables) -> Check:
    """Demand that a record is as it was read, or that there still is none."""
    if holder is None:
        return Check(f"record:{record}", tables.holders, record.key, "attribute_not_exists(pk)")
    if isinstance(holder, Tombstone):
        demand, names, values = "#status = :gone", _STATUS, {":gone": encode_value(Status.GONE.value)}
    else:
        demand, names, values = _same(holder)
    return Check(f"record:{record}", tables.holders, record.key, demand, names, values)


def _same(holder: Record) -> tuple[str, dict[str, str], dict[str, AttributeValue]]:
    """The condition that a record is as it was read: every write of one raises its revision."""
    if isinstance(holder, Reservation):
        return as_read(holder, encode_reservation(holder))
    return "revision = :revision", {}, {":revision": encode_value(holder.revision)}

"""Builds the write of every repair: one transaction, with the reasons why it can do no harm.

The conditions of the write demand that everything the repair was decided on is unchanged. So repairs are safe
under traffic: a change refuses the repair, and the next check looks again.
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
from gpu_capacity.holders.revisions import as_read
from gpu_capacity.inventory.bookings import new_tag
from gpu_capacity.inventory.items import encode_booking
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.upkeep.audit.findings import (
    DropItem,
    EndBooking,
    Enqueue,
    Index,
    ListHolder,
    ListKey,
    MarkPart,
    MarkRun,
    Register,
    ReleasePart,
    SetEntry,
    SetHash,
    SetListing,
    SetUsed,
    TakeNoticeBack,
    UnlistKey,
    Write,
)
from gpu_capacity.vms.items import encode_entry, listing_item

if TYPE_CHECKING:
    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.dynamodb.client import AttributeValue
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.upkeep.audit.facts import Holder, Record, Side
    from gpu_capacity.upkeep.audit.store import Tables

_REPAIRED: Final = "repaired"
_STATUS: Final = {"#status": "status"}


def actions_for(repair: Write, tables: Tables, now: int) -> list[Action]:  # noqa: C901, PLR0911, PLR0912 - one a kind
    """The actions of a repair, for one transaction. ``now`` is in seconds since the epoch."""
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
        case ListHolder():
            return [_list_holder(repair, tables)]
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
    """Remove exactly that tag, if the domain is as read. The providers have confirmed that it is empty.

    A domain that is emptied gets a new stamp. It is a digest that includes the time, so it differs from all
    earlier ones.

    No record of the holder can appear meanwhile: ids are random, or protected by a tombstone for a day. A VM
    that is destroyed or failed never owns GPUs again.
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
    """Add what the record lists to the domain, if record and domain are as read.

    The domain shows it as free, so this only keeps it from being sold to another holder.
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
    """Remove exactly that booking. The providers have confirmed that its domains are empty.

    No record of it can appear meanwhile: a record names a booking before it is made, and tags are never
    reused.
    """
    demand = "#b = :booking"
    names = {"#b": keys.booking_attribute(repair.booking.tag)}
    values = {":booking": encode_value(encode_booking(repair.booking))}
    return [Update(_REPAIRED, tables.inventory, repair.pod.key, "REMOVE #b", demand, names, values)]


def _mark_run(repair: MarkRun, tables: Tables) -> list[Action]:
    """Add the booking that the record lists, if the record is as read and every domain is free as read.

    A domain that has been taken meanwhile has another stamp, or none.
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
    """Set the topology hash, if the pod has the version that was read and the record is as read."""
    demand, names, values = _same(repair.holder)
    return [
        Update(
            _REPAIRED,
            tables.holders,
            repair.record.key,
            "SET #hash = :hash, revision = :next",
            demand,
            names | {"#hash": "hash"},
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
    """Set ``used`` to the recount, if ``used`` is as read and every counted holder is as read.

    A holder that was created since has changed ``used``, so the condition on it is enough.
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
    """Delete a queue entry or a name, if it still belongs to that claim and the claim is as read."""
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
    """Add a queue entry if there is none, and count a return, if the claim is as read.

    The claim keeps its age, so it may now come before a claim that is being served: see ``ClaimStore``.
    """
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
    """Add the name, if no claim has it and this claim is as read."""
    name = repair.name.key | encode({"claim": repair.holder.id})
    return [
        Put(_REPAIRED, tables.holders, name, "attribute_not_exists(pk)"),
        _unchanged(repair.record, repair.holder, tables),
    ]


def _index(repair: Index, tables: Tables, now: int) -> Update:
    """Put the record back into the sparse index, if it is as read. Reconcile does the rest."""
    demand, names, values = _same(repair.holder)
    # The service puts records whole. Without a new revision, a writer that read the record before would undo
    # this.
    change = "SET unsettled = :shard, unsettled_since = :now, revision = :next"
    revision = encode_value(repair.holder.revision + 1)
    values |= {":shard": {"S": repair.shard}, ":now": encode_value(now), ":next": revision}
    return Update(_REPAIRED, tables.holders, repair.record.key, change, demand, names, values)


def _list_holder(repair: ListHolder, tables: Tables) -> Update:
    """Put the record into the index of holders, if it is as read. For the new revision see ``_index``."""
    demand, names, values = _same(repair.holder)
    change = "SET held = :partition, revision = :next"
    values |= {
        ":partition": encode_value(repair.partition),
        ":next": encode_value(repair.holder.revision + 1),
    }
    return Update(_REPAIRED, tables.holders, repair.record.key, change, demand, names, values)


def _set_entry(repair: SetEntry, tables: Tables) -> list[Action]:
    """Put or delete a roster entry, if entry and record are as read.

    The service writes the two in one transaction, so no other writer changes the entry while the record is
    unchanged.
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
    """Put or delete an entry of the organization's list, if the record is as read."""
    entry: Action
    if repair.listed is None:
        entry = Delete(_REPAIRED, tables.holders, repair.side.key)
    else:
        entry = Put(_REPAIRED, tables.holders, listing_item(repair.listed))
    return [entry, _unchanged(repair.record, repair.holder, tables)]


def _take_notice_back(repair: TakeNoticeBack, tables: Tables) -> list[Action]:
    """Withdraw a VM's notice, if the VM and its preemptor are as read.

    This only keeps a VM running for which no other VM waits.
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
    return [stay, _unchanged(repair.waiting, repair.preemptor, tables)]


def _list_key(repair: ListKey, tables: Tables) -> list[Action]:
    """List an API key, if the key exists and is not listed."""
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
    """Delete a listing, if the key does not exist or is another organization's. Keys never change owners."""
    listing = Delete(_REPAIRED, tables.holders, repair.listing.key, "attribute_exists(pk)")
    return [listing, _key_of(repair.record, repair.key, tables)]


def _key_of(record: Side, key: ApiKey | None, tables: Tables) -> Check:
    """Demand that an API key still belongs to its organization, or that there still is none."""
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
    """Demand that a record or tombstone is as read, or that there still is none."""
    if holder is None:
        return Check(f"record:{record}", tables.holders, record.key, "attribute_not_exists(pk)")
    if isinstance(holder, Tombstone):
        demand, names, values = "#status = :gone", _STATUS, {":gone": encode_value(Status.GONE.value)}
    else:
        demand, names, values = _same(holder)
    return Check(f"record:{record}", tables.holders, record.key, demand, names, values)


def _same(holder: Record) -> tuple[str, dict[str, str], dict[str, AttributeValue]]:
    """The condition that a record is as read: every write raises its revision."""
    if isinstance(holder, Reservation):
        return as_read(holder, encode_reservation(holder))
    return "revision = :revision", {}, {":revision": encode_value(holder.revision)}

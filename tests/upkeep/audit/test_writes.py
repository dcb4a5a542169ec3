"""Each repair, executed: it succeeds if everything is as it was read, and is refused if one thing changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_key import ApiKey
from gpu_capacity.capacity_claims.items import encode_claim
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Committed, Database, Refused
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.items import encode_booking
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import Status
from gpu_capacity.upkeep.audit.facts import Side, Table
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
    SetUsed,
    TakeNoticeBack,
    UnlistKey,
    Write,
)
from gpu_capacity.upkeep.audit.store import Tables
from gpu_capacity.upkeep.audit.writes import actions_for
from gpu_capacity.vms.items import encode_entry, encode_vm, roster_entry
from testkit.claims import LONDON, record
from testkit.dynamodb import MemoryDynamoDB
from testkit.reservations import reservation
from testkit.vms.record import OTHER, VM
from testkit.world import (
    GB300,
    HOLDERS,
    INSTANCE_TYPE,
    INVENTORY,
    ORGANIZATION,
    REGION,
    create_tables,
)

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.client import Item

NOW = 1_780_000_000
TABLES = Tables(INVENTORY, HOLDERS)
CLAIM, RESERVED = record(3), reservation(status=Status.PROVISIONED, unsettled_since=None)
ERROR = reservation(status=Status.ERROR, runs=(), topology_hash=None, unsettled_since=None)
COUNTED = replace(CLAIM, counted=True)
NEWCOMER = replace(VM, id=OTHER[1])
KEY = ApiKey("d" * 64, ORGANIZATION, "user-1", (Scope.READ_WRITE,), 7)
TAG, STRANGER = "0123456789abcdef", "fedcba9876543210"

BOOKING = Booking(b"booked", 2, 2, 7)
BOOKED = keys.booking_attribute(BOOKING.tag)

POD = keys.owners(REGION, GB300.id, "pod1")
NODE_POD = keys.owners(*VM.pod)
HARDWARE = keys.hosts(REGION, "pod1")
CLAIM_KEY = keys.capacity_claim(ORGANIZATION, CLAIM.id)
RESERVATION_KEY = keys.reservation(ORGANIZATION, RESERVED.id)
VM_KEY, NEWCOMER_KEY = keys.vm(*VM.key), keys.vm(*NEWCOMER.key)
NAME = keys.claim_name(ORGANIZATION, CLAIM.name)
ENTRY = keys.queued(LONDON, INSTANCE_TYPE, CLAIM.created_ms, (ORGANIZATION, CLAIM.id))
ON_ROSTER = keys.on_roster(VM.node, VM.id)
QUOTA = keys.quota(ORGANIZATION, "instances")
LISTING, API_KEY = keys.api_key_of(ORGANIZATION, KEY.digest), keys.api_key(KEY.digest)
API_KEY_ITEM = API_KEY | encode({"organization": ORGANIZATION})


def _inventory(key: keys.Key) -> Side:
    return Side.of(Table.INVENTORY, key)


def _holders(key: keys.Key) -> Side:
    return Side.of(Table.HOLDERS, key)


class Repaired(NamedTuple):
    """A repair and the items that it meets, by table."""

    repair: Write
    inventory: list[Item]
    holders: list[Item]


def repairs() -> dict[str, Repaired]:
    """Built in each test and not at import, so that the code that builds items is tested as well."""
    pod = POD | encode({"v": 3, "d2": {TAG: 1, STRANGER: 2}})
    node = NODE_POD | encode({"v": 3, "d0": {VM.tag: 0b101}})
    claim, vm = encode_claim(CLAIM), encode_vm(VM)
    entry = roster_entry(VM)
    reported = replace(VM, preempt_at=9, preempted_by=NEWCOMER.key)
    tombstone = encode({"status": "gone", "fingerprint": "f"})
    release = ReleasePart(_inventory(POD), 2, TAG, {TAG: 1, STRANGER: 2}, ("host-0", "host-1"), 0, None, None)
    over = Tombstone("f")
    free_gpus = replace(
        release, pod=_inventory(NODE_POD), position=0, tag=VM.tag, owner={VM.tag: 5}, hosts=("host",), gpus=5
    )
    mark = MarkPart(_inventory(POD), 2, TAG, {STRANGER: 2}, 4, _holders(CLAIM_KEY), CLAIM)
    return {
        "release a part": Repaired(release, [pod], []),
        "release all": Repaired(
            replace(release, owner=b"12345678", record=_holders(RESERVATION_KEY), holder=over),
            [POD | encode({"v": 3, "d2": b"12345678"})],
            [RESERVATION_KEY | tombstone],
        ),
        "release GPUs": Repaired(free_gpus, [node], []),
        "end a booking": Repaired(
            EndBooking(_inventory(POD), BOOKING, ("h",), ()),
            [POD | encode({"v": 3, "d2": BOOKING.tag, BOOKED: encode_booking(BOOKING)})],
            [],
        ),
        "mark a run": Repaired(
            MarkRun(_inventory(POD), BOOKING, (b"stamp!", None), _holders(RESERVATION_KEY), RESERVED),
            [POD | encode({"v": 3, "d2": b"stamp!"})],
            [encode_reservation(RESERVED)],
        ),
        "mark a part": Repaired(mark, [POD | encode({"v": 3, "d2": {STRANGER: 2}})], [claim]),
        "mark all": Repaired(
            replace(mark, owner=None, mask=None, record=_holders(RESERVATION_KEY), holder=RESERVED),
            [POD | encode({"v": 3})],
            [encode_reservation(RESERVED)],
        ),
        "set a hash": Repaired(
            SetHash(_holders(RESERVATION_KEY), RESERVED, _inventory(HARDWARE), 3, "sha256:1"),
            [HARDWARE | encode({"v": 3})],
            [encode_reservation(RESERVED)],
        ),
        "set used": Repaired(
            SetUsed(_holders(QUOTA), 9, 3, ((_holders(CLAIM_KEY), COUNTED),)),
            [],
            [QUOTA | encode({"limit": 10, "used": 9}), encode_claim(COUNTED)],
        ),
        "drop a name": Repaired(
            DropItem(_holders(NAME), _holders(CLAIM_KEY), CLAIM, "another"),
            [],
            [NAME | encode({"claim": "another"}), claim],
        ),
        "enqueue": Repaired(Enqueue(_holders(ENTRY), _holders(CLAIM_KEY), CLAIM, LONDON), [], [claim]),
        "register": Repaired(Register(_holders(NAME), _holders(CLAIM_KEY), CLAIM), [], [claim]),
        "index a VM": Repaired(Index(_holders(VM_KEY), VM, "5"), [], [vm]),
        "index a claim": Repaired(Index(_holders(CLAIM_KEY), CLAIM, "5"), [], [claim]),
        "index what holds nothing": Repaired(
            Index(_holders(RESERVATION_KEY), ERROR, "5"), [], [encode_reservation(ERROR)]
        ),
        "list a holder": Repaired(ListHolder(_holders(VM_KEY), VM, "us-tex-1#0"), [], [vm]),
        "add an entry": Repaired(SetEntry(_holders(ON_ROSTER), None, entry, _holders(VM_KEY), VM), [], [vm]),
        "remove an entry": Repaired(
            SetEntry(_holders(ON_ROSTER), entry, None, _holders(VM_KEY), None),
            [],
            [encode_entry(entry)] if entry else [],
        ),
        "take a notice back": Repaired(
            TakeNoticeBack(_holders(VM_KEY), reported, _holders(NEWCOMER_KEY), NEWCOMER),
            [],
            [encode_vm(reported), encode_vm(NEWCOMER)],
        ),
        "list a key": Repaired(ListKey(_holders(LISTING), _holders(API_KEY), KEY), [], [API_KEY_ITEM]),
        "unlist a key": Repaired(
            UnlistKey(_holders(LISTING), _holders(API_KEY), None),
            [],
            [LISTING | encode({"created_at": 7})],
        ),
    }


def database_of(case: Repaired) -> MemoryDynamoDB:
    db = MemoryDynamoDB()
    create_tables(db)
    for table, items in ((INVENTORY, case.inventory), (HOLDERS, case.holders)):
        for item in items:
            db.put_item(TableName=table, Item=item)
    return db


def _set(db: MemoryDynamoDB, table: str, key: keys.Key, **changes: Any) -> None:
    """Change attributes of an item, or create it; ``None`` removes one."""
    item = db.get_item(TableName=table, Key=key).get("Item", key) | encode(changes)
    db.put_item(TableName=table, Item={k: v for k, v in item.items() if changes.get(k, v) is not None})


NAMES = sorted(repairs())


@pytest.mark.parametrize("name", NAMES)
def test_a_repair_succeeds_once_if_everything_is_as_it_was_read(name: str) -> None:
    case = repairs()[name]
    db = database_of(case)
    actions = actions_for(case.repair, TABLES, NOW)

    assert Database(db).commit(*actions) == Committed()
    once = db.dump()
    assert isinstance(Database(db).commit(*actions), Refused)
    assert db.dump() == once


RIVALS: dict[str, tuple[str, str, keys.Key, dict[str, Any], str]] = {
    "somebody takes a part": ("release a part", INVENTORY, POD, {"d2": {TAG: 1}}, "repaired"),
    "a whole domain changes hands": ("release all", INVENTORY, POD, {"d2": b"87654321"}, "repaired"),
    "the tombstone becomes a record": (
        "release all",
        HOLDERS,
        RESERVATION_KEY,
        {"status": "pending"},
        "record",
    ),
    "somebody takes a GPU": ("release GPUs", INVENTORY, NODE_POD, {"d0": {VM.tag: 1}}, "repaired"),
    "somebody takes the part to be marked": (
        "mark a part",
        INVENTORY,
        POD,
        {"d2": {STRANGER: 6}},
        "repaired",
    ),
    "the claim gives it up": ("mark a part", HOLDERS, CLAIM_KEY, {"revision": 1}, "record"),
    "somebody takes the domain to be marked": ("mark all", INVENTORY, POD, {"d2": b"87654321"}, "repaired"),
    "the pod is gone": ("mark all", INVENTORY, POD, {"v": None}, "repaired"),
    "the reservation is deleted": (
        "mark all",
        HOLDERS,
        RESERVATION_KEY,
        {"status": "deprovisioning"},
        "record",
    ),
    "the booking is another": ("end a booking", INVENTORY, POD, {BOOKED: bytes(7)}, "repaired"),
    "the booking has ended": ("end a booking", INVENTORY, POD, {BOOKED: None}, "repaired"),
    "the run is booked": ("mark a run", INVENTORY, POD, {BOOKED: bytes(7)}, "repaired"),
    "a domain of the run was owned meanwhile": ("mark a run", INVENTORY, POD, {"d2": b"later!"}, "repaired"),
    "a domain of the run is not as new": ("mark a run", INVENTORY, POD, {"d3": b"later!"}, "repaired"),
    "the pod of the run is gone": ("mark a run", INVENTORY, POD, {"v": None}, "repaired"),
    "the reservation of the run moves on": (
        "mark a run",
        HOLDERS,
        RESERVATION_KEY,
        {"revision": 9},
        "record",
    ),
    "another reservation has the id": ("mark all", HOLDERS, RESERVATION_KEY, {"life": b"another!"}, "record"),
    "the reservation starts elsewhere": (
        "mark all",
        HOLDERS,
        RESERVATION_KEY,
        {"start": 1, "revision": 9},
        "record",
    ),
    "the reservation stands in another pod": (
        "mark all",
        HOLDERS,
        RESERVATION_KEY,
        {"pod": "pod2"},
        "record",
    ),
    "the reservation is counted": ("mark all", HOLDERS, RESERVATION_KEY, {"counted": True}, "record"),
    "the hardware moves on": ("set a hash", INVENTORY, HARDWARE, {"v": 4}, "hardware"),
    "the hash belongs to another start": (
        "set a hash",
        HOLDERS,
        RESERVATION_KEY,
        {"start": 1, "revision": 9},
        "repaired",
    ),
    "the count moves": ("set used", HOLDERS, QUOTA, {"used": 8}, "repaired"),
    "a counted claim changes": ("set used", HOLDERS, CLAIM_KEY, {"revision": 1}, "record"),
    "the name becomes another claim's": ("drop a name", HOLDERS, NAME, {"claim": "a third"}, "repaired"),
    "the named claim changes": ("drop a name", HOLDERS, CLAIM_KEY, {"revision": 1}, "record"),
    "the claim is in the queue": ("enqueue", HOLDERS, ENTRY, {"claim": CLAIM.id}, "repaired"),
    "the claim waits no more": ("enqueue", HOLDERS, CLAIM_KEY, {"revision": 1}, "record"),
    "somebody has the name": ("register", HOLDERS, NAME, {"claim": "another"}, "repaired"),
    "the claim is renamed": ("register", HOLDERS, CLAIM_KEY, {"revision": 1}, "record"),
    "the VM that is listed moves on": ("list a holder", HOLDERS, VM_KEY, {"revision": 1}, "repaired"),
    "the VM moves on": ("index a VM", HOLDERS, VM_KEY, {"revision": 1}, "repaired"),
    "the claim moves on": ("index a claim", HOLDERS, CLAIM_KEY, {"revision": 1}, "repaired"),
    "the record moves on": (
        "index what holds nothing",
        HOLDERS,
        RESERVATION_KEY,
        {"status": "deprovisioning"},
        "repaired",
    ),
    "the record holds something": (
        "index what holds nothing",
        HOLDERS,
        RESERVATION_KEY,
        {"pod": "p"},
        "repaired",
    ),
    "an entry appears": ("add an entry", HOLDERS, ON_ROSTER, {"vm": VM.id}, "repaired"),
    "the VM of a new entry moves on": ("add an entry", HOLDERS, VM_KEY, {"revision": 1}, "record"),
    "the entry's status moves": ("remove an entry", HOLDERS, ON_ROSTER, {"status": "stopped"}, "repaired"),
    "the entry becomes another VM's": ("remove an entry", HOLDERS, ON_ROSTER, {"vm": "x"}, "repaired"),
    "the entry becomes another customer's": (
        "remove an entry",
        HOLDERS,
        ON_ROSTER,
        {"organization": "x"},
        "repaired",
    ),
    "a VM stands under the id": ("remove an entry", HOLDERS, VM_KEY, {"status": "x"}, "record"),
    "the VM that was told moves on": ("take a notice back", HOLDERS, VM_KEY, {"revision": 1}, "repaired"),
    "the one it should leave for moves on": (
        "take a notice back",
        HOLDERS,
        NEWCOMER_KEY,
        {"revision": 1},
        "record",
    ),
    "the key is listed": ("list a key", HOLDERS, LISTING, {"created_at": 7}, "repaired"),
    "the key is another customer's": ("list a key", HOLDERS, API_KEY, {"organization": "x"}, "key"),
    "there is such a key": ("unlist a key", HOLDERS, API_KEY, {"organization": ORGANIZATION}, "key"),
}


@pytest.mark.parametrize("rival", RIVALS)
def test_a_repair_is_refused_if_one_thing_changed_since_it_was_read(rival: str) -> None:
    name, table, key, changes, label = RIVALS[rival]
    case = repairs()[name]
    db = database_of(case)
    _set(db, table, key, **changes)
    before = db.dump()

    outcome = Database(db).commit(*actions_for(case.repair, TABLES, NOW))

    assert isinstance(outcome, Refused)
    assert outcome.items.keys() == {f"record:{_holders(key)}" if label == "record" else label}
    assert db.dump() == before


def test_every_repair_is_tested_against_changes() -> None:
    assert {name for name, *_ in RIVALS.values()} == set(NAMES)

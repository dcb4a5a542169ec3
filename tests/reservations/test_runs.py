"""Owning, fencing and giving back runs of whole domains, each checked on the resulting item."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database, Refused
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.items import decode_owners
from gpu_capacity.inventory.snapshot import Basis
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.record import Run
from gpu_capacity.reservations.runs import Runs, end_write, own_write
from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB, item_conflict, throttled, timeout_after, timeout_before
from testkit.items import owned_whole
from testkit.world import INVENTORY, create_tables

if TYPE_CHECKING:
    from testkit.dynamodb.hooks import Interceptor

PLACE = ("r", "f", "p")
POD = keys.owners(*PLACE)
MINE, RIVALS, OLD, STAMP, FRESH = b"mine-1", b"rival1", b"8 bytes.", b"stamp1", b"fresh!"
BOOKING = Booking(MINE, first=3, count=2, since=1_780_000_000)
RUN = Run(Placement("p", 3, 2), MINE)


@pytest.fixture
def db() -> MemoryDynamoDB:
    db = MemoryDynamoDB()
    create_tables(db)
    put(db)
    return db


@pytest.fixture
def runs(db: MemoryDynamoDB) -> Runs:
    return Runs(Database(db, RecordedPause()), INVENTORY)


def put(db: MemoryDynamoDB, **attributes: Any) -> None:
    db.put_item(TableName=INVENTORY, Item=POD | encode({"v": 7, **attributes}))


def item(db: MemoryDynamoDB) -> dict[str, Any]:
    found: dict[str, Any] = db.get_item(TableName=INVENTORY, Key=POD)["Item"]
    return found


def basis(*stamps: bytes | None, version: int = 7) -> Basis:
    return Basis(version, stamps or (None, None))


# Owning


def test_a_run_is_owned_by_one_write_to_one_item() -> None:
    write = own_write(INVENTORY, PLACE, BOOKING, basis(None, STAMP))

    assert write.request() == {
        "TableName": INVENTORY,
        "Key": {"pk": {"S": "CLAIMS#r#f"}, "sk": {"S": "POD#p"}},
        "UpdateExpression": "SET d3 = :tag, d4 = :tag, #b = :booking",
        "ConditionExpression": "(v = :version AND attribute_not_exists(#b)"
        " AND attribute_not_exists(d3) AND d4 = :s0) OR #b = :booking",
        "ExpressionAttributeNames": {"#b": "bbWluZS0x"},
        "ExpressionAttributeValues": {
            ":version": {"N": "7"},
            ":tag": {"B": MINE},
            ":booking": {"B": bytes((0, 3, 2)) + (1_780_000_000).to_bytes(4, "big")},
            ":s0": {"B": STAMP},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_an_owned_run_has_its_booking_and_its_stamps(runs: Runs, db: MemoryDynamoDB) -> None:
    assert runs.own(PLACE, BOOKING, basis()) is None

    claims = decode_owners({"pk": "", "sk": "POD#p", "v": 7} | _plain(item(db)))
    assert claims.bookings == (BOOKING,)
    assert claims.stamps == {3: MINE, 4: MINE}


@pytest.mark.parametrize(
    "there",
    [
        {"d4": RIVALS},
        {"d3": STAMP, "d4": STAMP},
        {"d4": OLD},
        {"d4": {"ab": 1}},
        {"v": 8},
    ],
    ids=["booked since", "emptied since", "an owner without a booking", "owned in part", "another topology"],
)
def test_a_write_is_refused_if_a_domain_changed_since_it_was_read(
    runs: Runs, db: MemoryDynamoDB, there: dict[str, Any]
) -> None:
    put(db, **there)
    before = db.dump()

    refused = runs.own(PLACE, BOOKING, basis())

    assert isinstance(refused, Refused)
    assert db.dump() == before


def test_owning_a_run_under_an_existing_tag_is_refused_and_keeps_the_existing_booking(
    runs: Runs, db: MemoryDynamoDB
) -> None:
    runs.own(PLACE, BOOKING, basis())
    before = db.dump()

    other = replace(BOOKING, first=8)
    assert isinstance(runs.own(PLACE, other, basis()), Refused)
    assert db.dump() == before


def test_a_write_is_refused_if_a_stamp_changed_since_it_was_read(runs: Runs, db: MemoryDynamoDB) -> None:
    put(db, d3=STAMP, d4=RIVALS)

    assert isinstance(runs.own(PLACE, BOOKING, basis(STAMP, STAMP)), Refused)
    assert runs.own(PLACE, BOOKING, basis(STAMP, RIVALS)) is None


def test_repeating_a_write_that_succeeded_counts_as_success(runs: Runs, db: MemoryDynamoDB) -> None:
    """Also if the topology version has changed since: the run is still owned."""
    runs.own(PLACE, BOOKING, basis())
    db.update_item(
        TableName=INVENTORY,
        Key=POD,
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"N": "8"}},
    )
    once = db.dump()

    assert runs.own(PLACE, BOOKING, basis()) is None
    assert db.dump() == once


def test_a_booking_with_the_same_tag_and_another_run_is_not_taken_for_ones_own(
    runs: Runs, db: MemoryDynamoDB
) -> None:
    runs.own(PLACE, BOOKING, basis())
    other = Booking(MINE, first=5, count=1, since=BOOKING.since)
    put(db, **{name: value for name, value in _plain(item(db)).items() if name[0] in "db"}, d5=RIVALS)

    assert isinstance(runs.own(PLACE, other, basis(None)), Refused)


def test_a_refused_write_cannot_succeed_later(runs: Runs, db: MemoryDynamoDB) -> None:
    """Not after the other booking is gone, and not after a domain owned in part was emptied."""
    write = own_write(INVENTORY, PLACE, BOOKING, basis())
    rival = Booking(RIVALS, first=4, count=1, since=1)
    assert runs.own(PLACE, rival, basis(None)) is None
    assert isinstance(Database(db).commit(write), Refused)

    runs.release(PLACE, RIVALS, (), FRESH)

    assert isinstance(Database(db).commit(write), Refused)
    assert owned_whole(item(db)) == {}


@pytest.mark.parametrize("fault", [timeout_before(), throttled(), item_conflict()])
def test_a_write_is_retried_until_the_database_has_decided(
    runs: Runs, db: MemoryDynamoDB, fault: Interceptor
) -> None:
    db.before("update_item", fault, times=3)
    db.after("update_item", timeout_after(), times=2)

    assert runs.own(PLACE, BOOKING, basis()) is None
    assert owned_whole(item(db)) == {3: MINE, 4: MINE}


def test_a_write_that_is_never_answered_is_reported_as_outcome_unknown(
    runs: Runs, db: MemoryDynamoDB
) -> None:
    db.before("update_item", timeout_before(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        runs.own(PLACE, BOOKING, basis())
    assert caught.value.outcome_unknown


# Giving back


def test_giving_back_removes_one_attribute_whatever_the_size_of_the_run() -> None:
    write = end_write(INVENTORY, PLACE, MINE)

    assert (write.update, write.condition, write.values) == ("REMOVE #b", "attribute_exists(#b)", {})


def test_domains_given_back_are_free_and_keep_their_stamps(runs: Runs, db: MemoryDynamoDB) -> None:
    runs.own(PLACE, BOOKING, basis())

    runs.release(PLACE, MINE, (), FRESH)

    assert item(db) == POD | encode({"v": 7, "d3": MINE, "d4": MINE})


def test_giving_back_again_or_something_never_owned_changes_nothing(runs: Runs, db: MemoryDynamoDB) -> None:
    before = db.dump()
    runs.release(PLACE, MINE, (), FRESH)
    runs.release(("r", "f", "elsewhere"), MINE, (), FRESH)

    assert db.dump() == before


def test_a_holder_without_a_booking_gives_back_its_remaining_domains(runs: Runs, db: MemoryDynamoDB) -> None:
    put(db, d3=OLD, d4=RIVALS, d5=OLD)

    runs.release(PLACE, OLD, (3, 4, 5), FRESH)

    assert item(db) == POD | encode({"v": 7, "d3": FRESH, "d4": RIVALS, "d5": FRESH})
    runs.release(PLACE, OLD, (3, 4, 5), b"other!")
    assert item(db) == POD | encode({"v": 7, "d3": FRESH, "d4": RIVALS, "d5": FRESH})


# Fencing


@pytest.mark.parametrize("before", [None, STAMP])
def test_after_a_fence_a_delayed_write_cannot_own_the_run(
    runs: Runs, db: MemoryDynamoDB, before: bytes | None
) -> None:
    put(db, **({} if before is None else {"d3": before, "d4": before}))
    late = own_write(INVENTORY, PLACE, BOOKING, basis(before, before))

    runs.fence(PLACE, RUN, FRESH)

    assert isinstance(Database(db).commit(late), Refused)
    assert owned_whole(item(db)) == {}


def test_a_fence_gives_back_a_run_that_is_owned(runs: Runs, db: MemoryDynamoDB) -> None:
    late = own_write(INVENTORY, PLACE, BOOKING, basis())
    runs.own(PLACE, BOOKING, basis())

    runs.fence(PLACE, RUN, FRESH)

    assert owned_whole(item(db)) == {}
    assert isinstance(Database(db).commit(late), Refused)


def test_a_fence_gives_back_a_run_owned_between_its_read_and_its_write(
    runs: Runs, db: MemoryDynamoDB
) -> None:
    late = own_write(INVENTORY, PLACE, BOOKING, basis())
    db.after("get_item", lambda *_: Database(db).commit(late) and None)

    runs.fence(PLACE, RUN, FRESH)

    assert owned_whole(item(db)) == {}


@pytest.mark.parametrize("owner", [{"ab": 1}, OLD], ids=["parts", "without a booking"])
def test_a_fence_does_not_change_a_domain_of_another_owner(
    runs: Runs, db: MemoryDynamoDB, owner: object
) -> None:
    put(db, d3=owner)
    before = db.dump()

    runs.fence(PLACE, RUN, FRESH)

    assert db.dump() == before


def test_a_fence_keeps_the_booking_of_another_holder(runs: Runs, db: MemoryDynamoDB) -> None:
    runs.own(PLACE, Booking(RIVALS, first=2, count=2, since=1), basis())
    before = db.dump()

    runs.fence(PLACE, RUN, FRESH)

    assert db.dump() == before


def test_a_pod_that_is_gone_needs_no_fence(runs: Runs, db: MemoryDynamoDB) -> None:
    db.delete_item(TableName=INVENTORY, Key=POD)

    runs.fence(PLACE, RUN, FRESH)

    assert db.dump()[INVENTORY] == []


def _plain(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        name: next(iter(value.values())) if name[0] in "db" else value
        for name, value in stored.items()
        if name not in ("pk", "sk", "v")
    }

"""The largest allowed reservation is within the limits of DynamoDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.dynamodb.writes import EXPRESSION_BYTES_MAX
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.model import DOMAINS_PER_POD_MAX
from gpu_capacity.inventory.snapshot import Basis
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import UNITS_PER_RESERVATION_MAX
from gpu_capacity.reservations.runs import Runs, own_write
from testkit.dynamodb import MemoryDynamoDB
from testkit.items import owned_whole, without_stamps
from testkit.reservations import reservation
from testkit.world import INVENTORY, create_tables

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.writes import Update

OPERATORS_MAX = 300
START = DOMAINS_PER_POD_MAX - UNITS_PER_RESERVATION_MAX
PLACE = ("r", "f", "pod1")
LARGEST = Booking(b"tag-01", START, UNITS_PER_RESERVATION_MAX, since=1_780_000_000)
OWNER = b"8 bytes."
SEEN: dict[str, tuple[bytes | None, ...]] = {
    "nobody was ever there": (None,) * UNITS_PER_RESERVATION_MAX,
    "one booking was there": (b"before",) * UNITS_PER_RESERVATION_MAX,
    "another at each position": tuple(n.to_bytes(6, "big") for n in range(UNITS_PER_RESERVATION_MAX)),
}
every_past = pytest.mark.parametrize("stamps", SEEN.values(), ids=SEEN)


def _own(stamps: tuple[bytes | None, ...]) -> Update:
    return own_write(INVENTORY, PLACE, LARGEST, Basis(2**53, stamps))


def _operators(expression: str) -> int:
    """Comparisons, logic, functions, arithmetic and assignments, counted generously."""
    words = re.findall(r"\bAND\b|\bOR\b|\bNOT\b|\bIN\b|attribute_\w+|if_not_exists", expression)
    return len(words) + len(re.findall(r"<=|>=|<>|[=<>+-]", expression))


def test_the_largest_reservation_has_three_digit_positions() -> None:
    assert START >= 100


@every_past
def test_the_largest_reservation_fits_into_one_expression(stamps: tuple[bytes | None, ...]) -> None:
    write = _own(stamps)
    for expression in (write.update, write.condition or ""):
        assert len(expression.encode()) <= EXPRESSION_BYTES_MAX
        assert _operators(expression) <= OPERATORS_MAX


@every_past
def test_the_largest_reservation_can_be_owned_and_given_back(stamps: tuple[bytes | None, ...]) -> None:
    db = MemoryDynamoDB()
    create_tables(db)
    pod = keys.owners(*PLACE) | encode({"v": 2**53})
    shown = {keys.domain_attribute(p): s for p, s in zip(LARGEST.positions, stamps, strict=True) if s}
    db.put_item(TableName=INVENTORY, Item=pod | encode(shown))

    assert Database(db).commit(_own(stamps)) == Committed()
    [owned] = db.dump()[INVENTORY]
    Runs(Database(db), INVENTORY).release(PLACE, LARGEST.tag, (), b"")
    [left] = db.dump()[INVENTORY]

    assert len(owned_whole(owned)) == UNITS_PER_RESERVATION_MAX
    assert without_stamps(left) == pod


def test_the_largest_holder_without_a_booking_is_given_back_in_one_write() -> None:
    db = MemoryDynamoDB()
    create_tables(db)
    owned = {keys.domain_attribute(p): OWNER for p in LARGEST.positions}
    db.put_item(TableName=INVENTORY, Item=keys.owners(*PLACE) | encode({"v": 1} | owned))

    Runs(Database(db), INVENTORY).release(PLACE, OWNER, LARGEST.positions, b"fresh!")

    assert db.requests["update_item"] == 1
    assert owned_whole(db.dump()[INVENTORY][0]) == {}


def test_the_record_does_not_grow_with_the_reservation() -> None:
    small, large = (encode_reservation(reservation(count=count)) for count in (1, UNITS_PER_RESERVATION_MAX))

    assert small.keys() == large.keys()

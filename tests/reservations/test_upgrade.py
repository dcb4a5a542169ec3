"""Tables of the version before bookings: records are read, settled, given back, and racks sold again."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.errors import InsufficientCapacity
from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.reservations.release_units import UnitRelease, release_units
from gpu_capacity.reservations.releasing import release_leaving
from testkit.auditor import audit, units_held
from testkit.items import owned_whole
from testkit.reservations import (
    NOWHERE,
    delete,
    fail,
    provision,
    records,
    reservation,
    reserve,
    stored,
    tear_down,
)
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, World, caller, request

OWNER = bytes.fromhex("a61b9d5a701d4fea")
"""What stands in a pod for the sample reservation: the first eight bytes of its id."""


def earlier(world: World, status: Status = Status.PENDING, **changes: Any) -> Reservation:
    """Three racks of pod1 from position 2 on, as the earlier version wrote them."""
    record = reservation(status=status, hosts_per_unit=2, **changes)
    item = encode_reservation(record)
    del item["schema"]
    world.db.put_item(TableName=HOLDERS, Item=item)
    owned = {keys.domain_attribute(position): OWNER for position in (2, 3, 4)}
    item = keys.owners(REGION, GB300.id, "pod1") | encode({"v": 1} | owned)
    world.db.put_item(TableName=INVENTORY, Item=item)
    assert audit(world.db) == []
    return record


def test_earlier_reservations_are_read(world: World) -> None:
    record = earlier(world)
    shown = get_reservation(world.services, caller(), record.id, NOWHERE)

    assert shown.reservation == record
    assert record.runs[0].tag == OWNER


def test_what_an_earlier_version_owns_is_not_sold(world: World) -> None:
    earlier(world)
    with pytest.raises(InsufficientCapacity):
        reserve(world, 4)

    made = reserve(world, 3).reservation
    assert made.positions[0] == 5


def test_units_of_an_earlier_reservation_are_released(world: World) -> None:
    record = earlier(world, Status.PROVISIONED)
    tag = get_reservation(world.services, caller(), record.id, NOWHERE).topology_hash or ""
    request = UnitRelease(tag, (record.unit_id(3),))

    release_units(world.services, caller(), record.id, NOWHERE, lambda: request)
    assert release_leaving(world.services, ORGANIZATION, record.id) is Step.DONE

    assert sorted(world.owners("pod1")) == [2, 4]
    assert {len(tag) for tag in world.owners("pod1").values()} == {6}
    assert audit(world.db) == []


def test_earlier_workflows_continue(world: World) -> None:
    record = earlier(world)

    assert provision(world, record.id)["outcome"] == "done"
    assert stored(world, record.id).status is Status.PROVISIONED
    assert audit(world.db) == []


@pytest.mark.parametrize("status", [Status.PENDING, Status.PROVISIONED])
def test_earlier_reservations_are_deleted_and_their_racks_are_sold_again(
    world: World, status: Status
) -> None:
    record = earlier(world, status, **({"unsettled_since": None} if status is Status.PROVISIONED else {}))
    delete(world, record.id)
    assert tear_down(world, record.id) == {"outcome": "done"}

    assert units_held(world.db) == 0
    assert records(world) == ["gone"]
    assert reserve(world, 8).reservation.owned_units == 8
    assert audit(world.db) == []


def test_earlier_failures_are_undone(world: World) -> None:
    record = earlier(world)
    fail(world, record.id)

    assert stored(world, record.id).status is Status.ERROR
    assert units_held(world.db) == 0
    assert audit(world.db) == []


def test_giving_back_an_earlier_reservation_adds_stamps_that_were_missing(world: World) -> None:
    """A write decided before it must not find a domain unchanged."""
    record = earlier(world)
    delete(world, record.id)
    tear_down(world, record.id)

    item = world.db.get_item(TableName=INVENTORY, Key=keys.owners(REGION, GB300.id, "pod1"))["Item"]
    assert owned_whole(item) == {}
    assert [len(item[f"d{position}"]["B"]) for position in (2, 3, 4)] == [6, 6, 6]


def test_earlier_tombstones_still_match_a_repeat(world: World) -> None:
    made = create_reservation(world.services, caller(), request(1), idempotency_key="key").reservation
    delete(world, made.id)
    tear_down(world, made.id)
    [item] = [i for i in world.db.dump()[HOLDERS] if i["sk"]["S"].startswith("RESERVATION#")]
    world.db.put_item(TableName=HOLDERS, Item={n: v for n, v in item.items() if n != "life"})

    with pytest.raises(Exception, match="was deleted"):
        create_reservation(world.services, caller(), request(1), idempotency_key="key")

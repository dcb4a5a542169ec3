"""The index of all holders by region: what is in it, in which order, and from where a list goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.holders.held import HeldEntry, HeldIndex
from testkit.reservations import reservation
from testkit.world import HOLDERS, REGION, World

if TYPE_CHECKING:
    from gpu_capacity.reservations.record import Reservation

ELSEWHERE = "us-tex-1"


def new(number: int, created_at: int, region_id: str = REGION, organization_id: str = "one") -> Reservation:
    return reservation(
        id=f"a64f9269-36e0-4312-b8d1-52d93d56{number:04x}",
        organization_id=organization_id,
        region_id=region_id,
        created_at=created_at,
        life=b"life-one",
    )


@pytest.fixture
def index(world: World) -> HeldIndex:
    """Ten reservations of two organizations, two each second, spread over all shards, and one elsewhere."""
    store = world.services.reservations
    for number in range(10):
        organization = "one" if number % 2 else "two"
        assert store.create(new(number, 100 + number // 2, organization_id=organization), 1) is None
    assert store.create(new(99, 50, ELSEWHERE), 1) is None
    return HeldIndex(Database(world.db), HOLDERS)


def numbers(entries: list[HeldEntry]) -> list[int]:
    return [int(entry.sort_key[-4:], 16) for entry in entries]


def test_holders_of_a_region_are_listed_by_age_over_all_organizations(index: HeldIndex) -> None:
    found = list(index.entries([REGION]))

    assert found == sorted(found)
    assert numbers(found) == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]  # "one" sorts before "two"
    assert {entry.organization_id for entry in found} == {"one", "two"}
    assert found[0].sort_key == f"RESERVATION#{new(1, 100).id}"


def test_several_regions_are_listed_together(index: HeldIndex) -> None:
    assert numbers(list(index.entries([REGION, ELSEWHERE]))) == [99, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    assert list(index.entries([])) == []


@pytest.mark.parametrize("read", range(11))
def test_a_list_goes_on_where_it_ended_and_shows_each_holder_once(index: HeldIndex, read: int) -> None:
    found = list(index.entries([REGION]))
    rest = list(index.entries([REGION], after=found[read - 1] if read else None))

    assert found[:read] + rest == found


def test_a_list_can_be_limited_to_an_age(index: HeldIndex) -> None:
    assert numbers(list(index.entries([REGION], (101, 102)))) == [3, 2, 5, 4]
    assert list(index.entries([REGION], (200, 300))) == []


def test_a_holder_that_is_over_is_in_no_list(index: HeldIndex, world: World) -> None:
    store, gone = world.services.reservations, new(3, 101)
    assert store.remove(gone, 1) is None

    assert numbers(list(index.entries([REGION]))) == [1, 0, 2, 5, 4, 7, 6, 9, 8]


def test_a_change_of_a_record_costs_nothing_in_the_index(index: HeldIndex, world: World) -> None:
    before = new(3, 101)
    written: list[str] = []
    world.db.after("put_item", lambda _operation, given: written.append(given["Item"]["held"]["S"]))
    units = world.db.write_units
    assert isinstance(world.services.reservations.change(before, replace(before, attempt=2)), type(before))

    assert written == [keys.held_partition([REGION], before.id)]
    assert world.db.write_units - units == 1
    assert len(list(index.entries([REGION]))) == 10

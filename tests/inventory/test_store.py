"""What is cached between requests, and what never is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.snapshot import Ownership
from gpu_capacity.inventory.store import CATALOG_SECONDS_MAX, SNAPSHOT_SECONDS_MAX
from testkit.world import GB300, INVENTORY, REGION, World, pod


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 4), pod("pod2", 2)))


def test_a_region_is_cached_for_a_minute(world: World) -> None:
    inventory = world.services.inventory
    inventory.region(REGION)
    world.clock.advance(CATALOG_SECONDS_MAX - 1)
    inventory.region(REGION)
    assert world.db.requests["get_item"] == 1

    world.clock.advance(1)
    inventory.region(REGION)
    assert world.db.requests["get_item"] == 2


def test_an_unknown_region_is_looked_up_every_time(world: World) -> None:
    inventory = world.services.inventory
    assert inventory.region("new") is None

    world.load((), (replace(world.regions[0], id="new"),))

    found = inventory.region("new")
    assert found is not None
    assert found.id == "new"


def test_a_region_that_is_gone_is_removed_from_the_cache(world: World) -> None:
    inventory = world.services.inventory
    inventory.region(REGION)
    world.db.delete_item(TableName=INVENTORY, Key=keys.region(REGION))

    assert inventory.fresh_region(REGION) is None
    assert inventory.region(REGION) is None


def test_regions_are_listed_in_order_of_id(world: World) -> None:
    world.load((), tuple(replace(world.regions[0], id=name) for name in ("zz", "aa")))

    assert [region.id for region in world.services.inventory.regions()] == ["aa", REGION, "zz"]


def test_a_kept_snapshot_costs_no_read_and_is_marked_as_kept(world: World) -> None:
    inventory = world.services.inventory

    assert inventory.snapshot(REGION, GB300.id)[1] is True
    reads = world.db.read_units
    assert inventory.snapshot(REGION, GB300.id)[1] is False
    assert world.db.read_units == reads


def test_a_fresh_snapshot_reads_shapes_only_when_their_version_changed(world: World) -> None:
    inventory = world.services.inventory
    inventory.fresh_snapshot(REGION, GB300.id)
    assert world.db.requests["query"] == 2

    inventory.fresh_snapshot(REGION, GB300.id)
    assert world.db.requests["query"] == 3

    world.load((pod("pod1", 3, version=2),))
    assert inventory.fresh_snapshot(REGION, GB300.id).counts().total == 5
    assert world.db.requests["query"] == 5


def test_a_snapshot_is_read_strongly_consistently(world: World) -> None:
    world.load((pod("pod1", 8, version=2),))
    world.db.read_stale(lag_writes=3)

    assert world.services.inventory.fresh_snapshot(REGION, GB300.id).counts().total == 10


def test_a_topology_that_changes_between_the_two_reads_is_read_again(world: World) -> None:
    def sync(_operation: str, _parameters: dict[str, Any]) -> None:
        world.load((pod("pod1", 8, version=2),))

    def of_shapes(parameters: dict[str, Any]) -> bool:
        return str(parameters["ExpressionAttributeValues"][":pk"]["S"]).startswith("SHAPES")

    world.db.before("query", sync, only=of_shapes)

    snapshot = world.services.inventory.fresh_snapshot(REGION, GB300.id)

    assert snapshot.ownership["pod1"].version == 2
    assert snapshot.counts().total == 10
    assert not snapshot.stale_pods


def test_a_topology_that_changes_between_every_two_reads_is_given_up(world: World) -> None:
    changes = iter(range(2, 100))

    def sync(_operation: str, _parameters: dict[str, Any]) -> None:
        world.load((pod("pod1", 8, version=next(changes)),))

    world.db.before("query", sync, times=None)
    inventory = world.services.inventory

    with pytest.raises(StorageUnavailable) as caught:
        inventory.fresh_snapshot(REGION, GB300.id)
    assert not caught.value.outcome_unknown


def test_the_pod_returned_by_a_write_updates_the_snapshot_without_a_read(world: World) -> None:
    inventory = world.services.inventory
    inventory.fresh_snapshot(REGION, GB300.id)
    reads = world.db.read_units

    inventory.note_booking((REGION, GB300.id, "pod1"), Booking(b"tag-01", 1, 2, since=1), 1)

    assert inventory.snapshot(REGION, GB300.id)[0].ownership["pod1"] == Ownership(
        "pod1", 1, 0b0110, borders=0b0010, stamps={1: b"tag-01", 2: b"tag-01"}
    )
    assert world.db.read_units == reads


def test_a_snapshot_is_kept_for_a_few_seconds_from_its_read_on(world: World) -> None:
    """However much this environment books meanwhile: it sees what others release only by reading."""
    inventory = world.services.inventory
    inventory.fresh_snapshot(REGION, GB300.id)
    world.clock.advance(SNAPSHOT_SECONDS_MAX - 1)
    assert inventory.snapshot(REGION, GB300.id)[1] is False
    inventory.note_booking((REGION, GB300.id, "pod1"), Booking(b"tag-01", 0, 1, since=1), 1)
    inventory.note_owners(REGION, GB300.id, {"pk": "any", "sk": "POD#pod2", "v": 1})

    world.clock.advance(1)

    snapshot, fresh = inventory.snapshot(REGION, GB300.id)
    assert fresh
    assert snapshot.ownership["pod1"].owned == 0
    assert inventory.snapshot(REGION, GB300.id)[1] is False


def test_adjacent_bookings_are_kept_as_they_would_be_read(world: World) -> None:
    inventory = world.services.inventory
    inventory.fresh_snapshot(REGION, GB300.id)
    bookings = [Booking(b"tag-01", 0, 2, since=1), Booking(b"tag-02", 2, 1, since=2)]
    for booking in bookings:
        inventory.note_booking((REGION, GB300.id, "pod1"), booking, 1)

    kept = inventory.snapshot(REGION, GB300.id)[0]
    assert kept.ownership["pod1"].borders == 0b0101
    assert kept.line.sizes == 0b110
    assert inventory.bookings(REGION, GB300.id) == [("pod1", booking) for booking in bookings]


def test_a_write_that_returned_another_version_makes_the_next_request_read(world: World) -> None:
    inventory = world.services.inventory
    inventory.fresh_snapshot(REGION, GB300.id)

    inventory.note_booking((REGION, GB300.id, "pod1"), Booking(b"tag-01", 0, 1, since=1), 2)

    assert inventory.snapshot(REGION, GB300.id)[1] is True


def test_a_pod_returned_by_a_write_is_ignored_if_its_region_is_not_kept(world: World) -> None:
    inventory = world.services.inventory

    inventory.note_booking((REGION, GB300.id, "pod1"), Booking(b"tag-01", 0, 4, since=1), 1)

    assert inventory.snapshot(REGION, GB300.id)[0].counts().available == 6


def test_a_pods_hosts_are_read_once_for_each_version(world: World) -> None:
    inventory = world.services.inventory
    for _ in range(3):
        assert inventory.pod_at(REGION, "pod1", 1) == pod("pod1", 4)
    assert world.db.requests["batch_get_item"] == 1


def test_hosts_are_never_returned_for_another_version_than_requested(world: World) -> None:
    inventory = world.services.inventory
    inventory.pod_at(REGION, "pod1", 1)
    world.load((pod("pod1", 5, version=2),))

    assert inventory.pod_at(REGION, "pod1", 2) == pod("pod1", 5, version=2)
    assert inventory.pod_at(REGION, "pod1", 1) is None
    assert inventory.pod_at(REGION, "nowhere", 1) is None


def test_shapes_have_the_time_of_their_regions_observation(world: World) -> None:
    wanted = [(REGION, GB300.id, name) for name in ("pod1", "pod2", "pod1")]

    shapes, regions = world.services.inventory.observed(wanted)

    assert set(shapes) == {(REGION, "pod1"), (REGION, "pod2")}
    assert {name: region.observed_at for name, region in regions.items()} == {REGION: 1_779_999_000}
    assert world.db.requests["batch_get_item"] == 1


def test_absent_shapes_are_left_out(world: World) -> None:
    assert world.services.inventory.observed([("nowhere", GB300.id, "pod9")]) == ({}, {})


def test_full_topology_is_read_once_for_each_version(world: World) -> None:
    inventory, wanted = world.services.inventory, {(REGION, "pod1"): 1, (REGION, "pod2"): None}

    assert set(inventory.pods_in(wanted)) == set(wanted)
    inventory.pods_in({(REGION, "pod1"): 1})
    assert world.db.requests["batch_get_item"] == 1
    inventory.pods_in({(REGION, "pod1"): 2})
    assert world.db.requests["batch_get_item"] == 2


def test_ownership_of_another_flavor_is_not_mixed_in(world: World) -> None:
    item = keys.owners(REGION, "other", "pod9") | encode({"v": 1})
    world.db.put_item(TableName=INVENTORY, Item=item)

    assert set(world.services.inventory.fresh_snapshot(REGION, GB300.id).ownership) == {"pod1", "pod2"}

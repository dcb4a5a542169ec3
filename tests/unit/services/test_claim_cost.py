"""What an acceptance costs, read from the ConsumedCapacity of its transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.reservation_store import ReservationStore
from gpu_capacity.services.create_reservation import create_reservation
from testkit.world import HOLDERS, INVENTORY, World, caller, pod, request

if TYPE_CHECKING:
    from testkit.dynamodb import MemoryDynamoDB


class Metered:
    """A client that asks every transaction what it consumed."""

    def __init__(self, db: MemoryDynamoDB) -> None:
        self._db = db
        self.consumed: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def transact_write_items(self, **parameters: Any) -> dict[str, Any]:
        answer = self._db.transact_write_items(**parameters, ReturnConsumedCapacity="INDEXES")
        self.consumed.append({entry["TableName"]: entry for entry in answer["ConsumedCapacity"]})
        return answer


def _claim(world: World, count: int) -> dict[str, float]:
    """Write units of accepting ``count`` units, by table and index."""
    metered = Metered(world.db)
    store = ReservationStore(Database(metered), INVENTORY, HOLDERS, world.pause)
    services = replace(world.environment(), reservations=store)
    create_reservation(services, caller(), request(count))
    (consumed,) = metered.consumed
    index = consumed[HOLDERS].get("GlobalSecondaryIndexes", {})
    return {
        "pod": consumed[INVENTORY]["Table"]["CapacityUnits"],
        "record": consumed[HOLDERS]["Table"]["CapacityUnits"],
        "index entry": index.get("unsettled", {"CapacityUnits": 0.0})["CapacityUnits"],
    }


@pytest.mark.parametrize("count", [1, 4, 18, 72])
def test_a_claim_costs_four_units_and_its_index_entry_whatever_its_size(
    count: int, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    units = _claim(World(pods=(pod("pod1", 72, hosts=18),)), count)

    record_property("write_units", units)
    with capsys.disabled():
        print(f"\n  claim of {count:2}: {units}", end=" ")  # noqa: T201 - the figure is to be seen
    assert (units["pod"], units["record"]) == (2.0, 2.0)
    assert units["index entry"] <= 2.0


def test_the_last_claim_of_a_full_pod_costs_no_more_than_the_first() -> None:
    world = World(pods=(pod("pod1", 72, hosts=18),))

    costs = [_claim(world, 1) for _ in range(72)]

    assert all(cost == costs[0] for cost in costs)


def test_a_quota_adds_two_units() -> None:
    world = World(pods=(pod("pod1", 8, hosts=18),))
    without = _claim(world, 2)
    world.set_quota(8)

    counted = _claim(world, 2)

    assert counted["record"] == without["record"] + 2.0
    assert counted["pod"] == without["pod"]


def test_a_claim_by_a_warm_environment_is_one_write_between_two_looks_at_the_quota() -> None:
    world = World(pods=(pod("pod1", 72, hosts=18),))
    create_reservation(world.services, caller(), request(1))
    before = world.db.requests.copy()

    create_reservation(world.services, caller(), request(4))

    assert world.db.requests - before == {"transact_write_items": 1, "get_item": 2}


def test_a_claim_under_a_quota_reads_the_quota_every_time() -> None:
    world = World(pods=(pod("pod1", 72, hosts=18),))
    world.set_quota(72)
    create_reservation(world.services, caller(), request(1))
    before = world.db.requests.copy()

    create_reservation(world.services, caller(), request(4))

    assert world.db.requests - before == {"get_item": 1, "transact_write_items": 1}


def test_a_refused_claim_costs_what_an_accepted_one_does_and_no_more() -> None:
    world = World(pods=(pod("pod1", 8),))
    rival = world.environment()
    create_reservation(world.services, caller(), request(1))
    world.db.before("transact_write_items", lambda *_: create_reservation(rival, caller(), request(3)))
    before = world.db.write_units

    create_reservation(world.services, caller(), request(3))

    rivals, own, refused = 5.0, 5.0, 5.0
    assert world.db.write_units - before <= rivals + own + refused

"""The cost of an accepted reservation: write units by table and index, and which requests run in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import InsufficientCapacity, QuotaExceeded
from gpu_capacity.holders.tentative import TENTATIVE_SECONDS_MAX
from gpu_capacity.reservations.create import create_reservation
from testkit.auditor import audit
from testkit.dynamodb.faults import throttled
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable


@pytest.fixture
def world() -> World:
    """A warm environment over a pod of 72 racks and a small one."""
    world = World(pods=(pod("pod1", 72, hosts=18), pod("pod2", 1, hosts=18)))
    for each in world.pods:
        world.services.inventory.pod_at(each.region_id, each.id, each.version)
    create_reservation(world.services, caller(), request(1))
    return world


def reserve(world: World, count: int = 1) -> None:
    create_reservation(world.services, caller(), request(count))


def spent(world: World, act: Callable[[], object]) -> tuple[float, float, Counter[str]]:
    """Read units, write units and requests."""
    read, write, requests = world.db.read_units, world.db.write_units, world.db.requests.copy()
    act()
    return world.db.read_units - read, world.db.write_units - write, world.db.requests - requests


@pytest.mark.parametrize("count", [1, 4, 18, 72])
def test_a_reservation_costs_five_write_units_whatever_its_size(world: World, count: int) -> None:
    """One each for the record, its two index entries, the pod, and the record again."""
    _, written, requests = spent(world, lambda: reserve(world, count))

    assert written == 5.0
    assert requests == {"put_item": 2, "update_item": 1, "get_item": 1}


def test_the_last_reservation_of_a_full_pod_costs_at_most_one_unit_more_than_the_first() -> None:
    """With 72 bookings and stamps the item is larger than 1 KB."""
    world = World(pods=(pod("pod1", 72, hosts=18),))

    costs = [spent(world, lambda: reserve(world))[1] for _ in range(72)]

    assert set(costs) == {5.0, 6.0}
    assert costs == sorted(costs)


def beside(order: list[str]) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """A replacement for background work that records the order in which work begins and is waited for."""

    def begin(work: Callable[[], object]) -> Callable[[], object]:
        order.append("begins to read")
        answer = work()

        def wait() -> object:
            order.append("waits")
            return answer

        return wait

    return begin


def test_without_a_known_quota_the_quota_is_read_once_in_parallel_with_the_second_write(world: World) -> None:
    """So the request waits for three answers, one after the other."""
    order: list[str] = []
    object.__setattr__(world.services, "background", beside(order))
    world.db.after("*", lambda operation, _: order.append(operation), times=None)
    reserve(world, 4)

    assert order == ["put_item", "begins to read", "get_item", "update_item", "waits", "put_item"]


def test_a_quota_adds_three_units_and_no_read_once_it_is_known(world: World) -> None:
    """Record and count are one transaction at two units each: 2 more and 1 more."""
    world.set_quota(72)
    world.services.quotas.read(request().organization_id, "GB300")

    read, written, requests = spent(world, lambda: reserve(world, 4))

    assert (read, written) == (0.0, 8.0)
    assert requests == {"transact_write_items": 1, "update_item": 1, "put_item": 1}


def refused(world: World, count: int) -> tuple[float, float, Counter[str]]:
    def refuse() -> None:
        with pytest.raises(InsufficientCapacity):
            reserve(world, count)

    return spent(world, refuse)


def test_a_refusal_for_lack_of_capacity_writes_nothing_and_reads_pods_and_region(world: World) -> None:
    """Nor does it look up claiming records where they make no difference."""
    _, written, requests = refused(world, 73)

    assert written == 0.0
    assert requests == {"query": 1, "get_item": 1}


def test_a_refusal_looks_up_claiming_records_if_the_request_would_fit_without_the_latest_bookings(
    world: World,
) -> None:
    """It reads eight shards of the index, the records, and the pods once more; later none of these."""
    reserve(world, 72)

    _, written, requests = refused(world, 2)
    assert written == 0.0
    assert requests == {"query": 10, "batch_get_item": 1, "get_item": 1}

    world.clock.advance(TENTATIVE_SECONDS_MAX + 1)
    _, _, requests = refused(world, 2)
    assert requests["query"] == 1


def test_a_refusal_by_a_known_quota_reads_the_quota_first_and_writes_nothing(world: World) -> None:
    world.set_quota(2)
    reserve(world, 2)
    world.services.quotas.read(request().organization_id, "GB300")

    def refused() -> None:
        with pytest.raises(QuotaExceeded):
            reserve(world)

    _, written, requests = spent(world, refused)

    assert written == 0.0
    assert requests["get_item"] == 1


def test_a_lost_race_costs_the_refused_write_and_one_record_write_and_no_read(world: World) -> None:
    rival = world.environment()
    rival.inventory.fresh_snapshot("uk-lon-1", "g.72.gb300.pinned")
    rivals: list[float] = []

    def claims_first(*_: object) -> None:
        before = world.db.write_units
        # A concurrent request takes all of the pod but the last racks, which remain free.
        create_reservation(rival, caller(), request(60))
        rivals.append(world.db.write_units - before)

    world.db.before("update_item", claims_first)
    _read, written, _requests = spent(world, lambda: reserve(world, 2))

    assert len(rivals) == 1
    assert written - rivals[0] in (5.0, 7.0), "undisturbed, or a refused pod and a name more"


def rivals(world: World, times: int) -> list[tuple[str, int, int]]:
    """Before each of the next ``times`` owning writes another request takes the whole pod and gives it back.

    Returns a list that grows: the pod, the queries and the pauses so far.
    """
    met: list[tuple[str, int, int]] = []

    def takes_and_gives_back(_operation: str, parameters: dict[str, Any]) -> None:
        stamps = ", ".join(f"d{position} = :stamp" for position in range(72))
        world.db.update_item(
            TableName=parameters["TableName"],
            Key=parameters["Key"],
            UpdateExpression=f"SET {stamps}",
            ExpressionAttributeValues={":stamp": {"B": len(met).to_bytes(6, "big")}},
        )
        met.append((parameters["Key"]["sk"]["S"], world.db.requests["query"], len(world.pause.attempts)))

    world.db.before("update_item", takes_and_gives_back, times=times)
    return met


def test_a_lost_race_is_retried_in_its_pod_then_anywhere_and_pauses_only_after_six_losses() -> None:
    world = World(pods=tuple(pod(f"pod{n}", 72, hosts=1) for n in range(4)))
    reserve(world)
    met = rivals(world, 8)
    reserve(world, 4)

    lost_in, queries, pauses = zip(*met, strict=True)
    assert all(lost_in[n] == lost_in[n + 1] for n in (0, 2, 4))
    assert len(set(lost_in)) > 1
    # All pods are read in parallel with the second write of each pair, or after it once there was a pause.
    assert [now - queries[0] for now in queries] == [0, 1, 1, 2, 2, 3, 3, 4]
    assert [now - pauses[0] for now in pauses] == [0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        # A slow read must not keep the record from settling.
        (1, ["put_item", "begins to read", "query", "update_item", "put_item", "waits"]),
        (2, ["put_item", "begins to read", "query", "waits", "put_item", "update_item", "put_item"]),
    ],
)
def test_all_pods_are_read_in_parallel_with_the_second_write(
    world: World, losses: int, expected: list[str]
) -> None:
    """So the third try does not wait for a read. Refused writes are not recorded here."""
    world.set_quota(100)
    world.services.quotas.read(request().organization_id, "GB300")
    order: list[str] = []
    object.__setattr__(world.services, "background", beside(order))
    rivals(world, losses)
    world.db.after("*", lambda operation, _: order.append(operation), times=None)
    reserve(world, 4)

    assert [step for step in order if step in expected] == expected


def test_a_failed_read_in_parallel_with_the_second_write_does_not_fail_the_request(world: World) -> None:
    failed: list[str] = []

    def fails(operation: str, parameters: dict[str, Any]) -> None:
        failed.append(operation)
        throttled()(operation, parameters)

    rivals(world, 2)
    world.db.before("query", fails, times=12)
    reserve(world, 4)

    assert "query" in failed
    assert audit(world.db) == []

"""Throttling, errors, conflicts and timeouts of the database during a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import InsufficientCapacity, RaceLost, StorageUnavailable
from gpu_capacity.reservations.claiming import ATTEMPTS_MAX
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.dynamodb import (
    internal_error,
    item_conflict,
    request_limited,
    throttled,
    timeout_after,
    timeout_before,
    unreachable,
)
from testkit.reservations import NOWHERE, records, reserve
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from testkit.dynamodb.hooks import Interceptor

RECORD, OWN, SETTLE = ("put_item", 0), ("update_item", 0), ("put_item", 1)
"""The writes of a reservation: which operation, and how many of it come before."""
WRITES = [RECORD, OWN, SETTLE]
NAMES = ["record", "own", "settle"]
PASSING = [throttled(), request_limited(), internal_error(), timeout_before(), unreachable()]
each_write = pytest.mark.parametrize("write", WRITES, ids=NAMES)


@each_write
@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("times", [1, 5])
def test_a_transient_fault_of_a_write_is_retried(
    world: World, fault: Interceptor, times: int, write: tuple[str, int]
) -> None:
    operation, skip = write
    world.db.before(operation, fault, times=times, skip=skip)

    reserve(world, 3)

    assert units_held(world.db) == 3
    assert records(world) == ["pending"]
    assert world.pause.attempts == list(range(times))


@each_write
@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_reported_after_a_bounded_number_of_retries(
    world: World, fault: Interceptor, write: tuple[str, int]
) -> None:
    operation, skip = write
    world.db.before(operation, fault, times=None, skip=skip)

    with pytest.raises(StorageUnavailable):
        reserve(world, 3)
    assert len(world.pause.attempts) <= 2 * ATTEMPTS_MAX
    assert records(world) == ([] if write == RECORD else ["claiming"])
    assert audit(world.db) == []


@each_write
def test_what_a_failed_request_left_behind_is_removed_when_its_time_is_over(
    world: World, write: tuple[str, int]
) -> None:
    """Whether the write that timed out was applied or not."""
    operation, skip = write
    world.db.after(operation, timeout_after(), skip=skip)
    world.db.before(operation, unreachable(), times=None, skip=skip + 1)
    with pytest.raises(StorageUnavailable) as caught:
        reserve(world, 3)
    assert caught.value.outcome_unknown
    world.db.calm()
    standing = records(world)

    world.clock.advance(600)
    reconcile(world.services)

    assert records(world) == (["pending"] if standing == ["pending"] else ["gone"])
    assert units_held(world.db) == (3 if standing == ["pending"] else 0)
    assert audit(world.db) == []


@each_write
def test_a_repeat_with_a_key_finds_or_makes_the_one_reservation(world: World, write: tuple[str, int]) -> None:
    operation, skip = write
    world.db.after(operation, timeout_after(), skip=skip)
    world.db.before(operation, unreachable(), times=None, skip=skip + 1)
    with pytest.raises(StorageUnavailable):
        reserve(world, 8, key="key")
    world.db.calm()
    if records(world) == ["claiming"]:
        with pytest.raises(RaceLost, match="under way"):
            reserve(world, 8, key="key")
        world.clock.advance(600)

    assert reserve(world, 8, key="key").reservation.owned_units == 8
    assert units_held(world.db) == 8
    assert records(world) == ["pending"]
    assert audit(world.db) == []


def test_a_conflict_is_retried_with_the_same_placement(world: World) -> None:
    """A conflict says nothing about the domains."""
    sent: list[Any] = []
    world.db.before("update_item", lambda _, parameters: sent.append(parameters), times=None)
    world.db.before("update_item", item_conflict(), times=11)

    reserve(world, 3)

    assert len(sent) == 12
    assert all(parameters == sent[0] for parameters in sent)
    assert world.telemetry.counts["ClaimRacesLost"] == 0


@pytest.mark.parametrize("operation", ["get_item", "query", "batch_get_item"])
def test_a_failed_read_neither_refuses_nor_writes(world: World, operation: str) -> None:
    world.db.before(operation, throttled())

    with pytest.raises(StorageUnavailable):
        reserve(world)
    assert records(world) == []


def test_sixteen_lost_races_in_a_row_raise_race_lost() -> None:
    """One unit of each pod is taken just before each try, so there is always capacity and every try loses."""
    world = World(pods=tuple(pod(f"pod{n:02}", 2) for n in range(60)))

    def rival(_operation: str, parameters: dict[str, Any]) -> None:
        pod = world.db.get_item(TableName="inventory", Key=parameters["Key"])["Item"]
        world.db.put_item(TableName="inventory", Item=pod | {"d0": {"B": b"rivalriv"}})

    world.db.before("update_item", rival, times=None)

    with pytest.raises(RaceLost):
        reserve(world, 2)
    assert world.telemetry.counts["ClaimRacesLost"] == ATTEMPTS_MAX
    assert records(world) == ["gone"]
    assert world.services.reservations.claiming(0, world.clock.now())[0] == []


def test_a_lost_race_reads_the_pods_once_in_parallel_with_the_next_write(world: World) -> None:
    reserve(world)
    rivals = [world.environment() for _ in range(3)]
    for rival in rivals:
        # Three single racks, drawn at random: one of them is among the four that are requested.
        world.db.before(
            "update_item", lambda *_, services=rival: create_reservation(services, caller(), request(1))
        )
    before = world.db.requests["query"]

    reserve(world, 4)

    rivals_own = 2 * len(rivals)
    assert world.telemetry.counts["ClaimRacesLost"] == 1
    # The refused write returned the pod; all pods are read in case the next write is refused as well.
    assert world.db.requests["query"] - before == rivals_own + 1


def test_a_shortage_after_a_lost_race_is_decided_on_a_fresh_read(world: World) -> None:
    rival = world.environment()
    world.db.before("update_item", lambda *_: create_reservation(rival, caller(), request(6)))

    with pytest.raises(InsufficientCapacity) as caught:
        reserve(world, 6)
    assert caught.value.reason.available == 2
    assert audit(world.db) == []


# Deleting.


@pytest.mark.parametrize("fault", [throttled(), timeout_before(), internal_error()])
def test_a_delete_that_could_not_be_written_says_so_and_may_be_repeated(
    world: World, fault: Interceptor
) -> None:
    reservation_id = reserve(world).reservation.id
    world.db.before("put_item", fault, times=12)
    with pytest.raises(StorageUnavailable):
        delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    assert records(world) == ["deprovisioning"]


def test_a_delete_that_timed_out_is_sent_again(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    world.db.after("put_item", timeout_after())
    delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    assert records(world) == ["deprovisioning"]
    assert len(world.workflows) == 2

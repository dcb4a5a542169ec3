"""What a request does when the database throttles, fails, conflicts, or keeps its answer to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import Conflict, InsufficientCapacity, RaceLost, StorageUnavailable
from gpu_capacity.services.claiming import ATTEMPTS_MAX
from gpu_capacity.services.create_reservation import create_reservation
from gpu_capacity.services.delete_reservation import delete_reservation
from testkit.auditor import audit, units_held
from testkit.dynamodb import (
    internal_error,
    request_limited,
    throttled,
    timeout_after,
    timeout_before,
    transaction_conflict,
    transaction_throttled,
    unreachable,
)
from testkit.lifecycle import stored, tear_down
from testkit.world import ORGANIZATION, World, caller, pod, request
from tests.unit.services.ledger import NOWHERE, delete, records, reserve

if TYPE_CHECKING:
    from testkit.dynamodb.hooks import Interceptor

WRITE = "transact_write_items"
PASSING = [
    throttled(),
    request_limited(),
    internal_error(),
    timeout_before(),
    unreachable(),
    transaction_throttled(2, 0),
]


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 8),))


@pytest.mark.parametrize("lost", [timeout_after(), internal_error()], ids=["timeout", "internal error"])
def test_a_commit_whose_answer_is_lost_makes_exactly_one_reservation(world: World, lost: Interceptor) -> None:
    world.db.after(WRITE, lost)

    observed = reserve(world, 3)

    assert records(world) == ["pending"]
    assert units_held(world.db) == 3
    assert stored(world, observed.reservation.id) == observed.reservation
    assert len(world.workflows) == 1
    assert audit(world.db) == []


def test_a_commit_whose_answer_is_lost_is_found_even_where_it_took_the_last_units(world: World) -> None:
    world.db.after(WRITE, timeout_after())

    assert reserve(world, 8).reservation.claimed_units == 8


def test_a_lost_answer_counts_once_in_the_quota(world: World) -> None:
    world.set_quota(5)
    world.db.after(WRITE, timeout_after())

    reserve(world, 5)

    assert world.quota_used() == 5
    assert audit(world.db) == []


def test_a_lost_answer_is_audited_as_what_it_is(world: World) -> None:
    world.db.after(WRITE, timeout_after())

    reserve(world)

    assert [line.outcome for line in world.telemetry.audits] == ["already accepted"]


def test_what_was_recorded_unseen_is_acknowledged_though_it_is_gone_by_now(world: World) -> None:
    """A colleague may find and end it before the record is looked for; no is no answer for what there was."""

    def ended_meanwhile(_operation: str, _parameters: dict[str, Any]) -> None:
        [made] = world.services.reservations.of_organization(ORGANIZATION)
        delete(world, made.id)
        assert tear_down(world, made.id)["outcome"] == "gone"

    world.db.after(WRITE, timeout_after())
    world.db.before("get_item", ended_meanwhile, only=lambda _: records(world) == ["pending"])

    observed = reserve(world, 3, key="key")

    assert records(world) == ["gone"]
    assert observed.reservation.claimed_units == 3
    assert units_held(world.db) == 0
    assert audit(world.db) == []
    with pytest.raises(Conflict, match="was deleted"):
        reserve(world, 3, key="key")


def test_a_lost_answer_followed_by_an_unreadable_record_makes_no_second_reservation(world: World) -> None:
    """Nothing is decided; the customer repeats, under a new id, and reconcile owns the first."""
    world.db.after(WRITE, timeout_after())
    world.db.before("get_item", unreachable(), skip=2)

    with pytest.raises(StorageUnavailable):
        reserve(world, 3)
    assert units_held(world.db) == 3
    assert audit(world.db) == []
    assert len(list(world.services.reservations.unsettled(world.clock.now()))) == 1


def test_with_a_key_the_repetition_finds_what_the_lost_answer_made(world: World) -> None:
    world.db.after(WRITE, timeout_after())
    world.db.before("get_item", unreachable(), skip=3)
    with pytest.raises(StorageUnavailable):
        reserve(world, 3, key="key")

    assert reserve(world, 3, key="key").reservation.claimed_units == 3
    assert units_held(world.db) == 3


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("times", [1, 5])
def test_a_passing_fault_of_the_commit_is_sat_out(world: World, fault: Interceptor, times: int) -> None:
    world.db.before(WRITE, fault, times=times)

    reserve(world, 3)

    assert units_held(world.db) == 3
    assert len(world.pause.attempts) == times


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_lasts_is_told_as_such_after_bounded_attempts(world: World, fault: Interceptor) -> None:
    world.db.before(WRITE, fault, times=None)

    with pytest.raises(StorageUnavailable):
        reserve(world, 3)
    assert len(world.pause.attempts) == ATTEMPTS_MAX
    assert units_held(world.db) == 0
    assert records(world) == []


def test_pauses_grow_with_the_attempt(world: World) -> None:
    world.db.before(WRITE, throttled(), times=3)

    reserve(world)

    assert world.pause.attempts == [0, 1, 2]


def test_a_storm_of_conflicts_is_sent_again_as_it_is(world: World) -> None:
    """A conflict says nothing about the domains: the placement stays the same."""
    sent: list[Any] = []
    world.db.before(WRITE, lambda _, parameters: sent.append(parameters["TransactItems"]), times=None)
    world.db.before(WRITE, transaction_conflict(2, {0, 1}), times=11)

    reserve(world, 3)

    assert len(sent) == 12
    assert all(items == sent[0] for items in sent)
    assert world.telemetry.counts["ClaimRacesLost"] == 0


def test_conflicts_without_end_are_told_as_such(world: World) -> None:
    world.db.before(WRITE, transaction_conflict(2, 0), times=None)

    with pytest.raises(StorageUnavailable):
        reserve(world)
    assert units_held(world.db) == 0


@pytest.mark.parametrize("operation", ["get_item", "query", "batch_get_item"])
def test_a_read_that_fails_refuses_nothing_and_writes_nothing(world: World, operation: str) -> None:
    world.db.before(operation, throttled())

    with pytest.raises(StorageUnavailable):
        reserve(world)
    assert records(world) == []


def test_rivals_that_win_every_attempt_are_told_as_a_lost_race() -> None:
    """One unit of each pod is taken just before each try, so there is always room and never luck."""
    world = World(pods=tuple(pod(f"pod{n:02}", 2) for n in range(60)))

    def rival(_operation: str, parameters: dict[str, Any]) -> None:
        key = parameters["TransactItems"][0]["Update"]["Key"]
        world.db.update_item(
            TableName="inventory",
            Key=key,
            UpdateExpression="SET d0 = :rival",
            ExpressionAttributeValues={":rival": {"B": b"rivalriv"}},
        )

    world.db.before(WRITE, rival, times=None)

    with pytest.raises(RaceLost):
        reserve(world, 2)
    assert world.telemetry.counts["ClaimRacesLost"] == ATTEMPTS_MAX
    assert records(world) == []


def test_a_lost_race_costs_one_further_read_of_the_pods(world: World) -> None:
    reserve(world)
    rivals = [world.environment() for _ in range(3)]
    for rival in rivals:
        # Three single racks, drawn apart: one of them is among the four that are wanted.
        world.db.before(WRITE, lambda *_, services=rival: create_reservation(services, caller(), request(1)))
    before = world.db.requests["query"]

    reserve(world, 4)

    rivals_own = 2 * len(rivals)
    assert world.telemetry.counts["ClaimRacesLost"] == 1
    assert world.db.requests["query"] - before == rivals_own + 1


def test_a_shortage_after_a_lost_race_is_decided_on_a_fresh_read(world: World) -> None:
    rival = world.environment()
    world.db.before(WRITE, lambda *_: create_reservation(rival, caller(), request(6)))

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
    world.db.before("update_item", fault)
    with pytest.raises(StorageUnavailable):
        delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    assert records(world) == ["deprovisioning"]


def test_a_delete_whose_answer_is_lost_is_repeated_without_harm(world: World) -> None:
    """The repetition starts nothing, since the record is marked; reconcile starts the teardown."""
    reservation_id = reserve(world).reservation.id
    world.db.after("update_item", timeout_after())
    with pytest.raises(StorageUnavailable):
        delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    assert records(world) == ["deprovisioning"]
    assert len(list(world.services.reservations.unsettled(world.clock.now()))) == 1

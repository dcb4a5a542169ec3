"""A process that dies or is slow while its reservation is claiming, and the requests that find its record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import Conflict, InsufficientCapacity, NotFound, QuotaExceeded, RaceLost
from gpu_capacity.reservations.api.models import reservation_view
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.read import (
    ReservationFilter,
    get_reservation,
    list_reservations,
)
from gpu_capacity.reservations.record import Status
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.dynamodb import Died, dies
from testkit.reservations import NOWHERE, records, reserve
from testkit.world import ORGANIZATION, World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.reservations.record import Reservation

KEY = "0b6f2f0e-5b0e-4a52-9f39-2f4f0d7f6a11"


def left_by_a_death(world: World, after: str, count: int = 3, key: str | None = KEY) -> Reservation:
    """The record of a process that died after the write ``record`` or ``own``."""
    operation = {"record": "put_item", "own": "update_item"}[after]
    held = units_held(world.db)
    world.db.after(operation, dies)
    with pytest.raises(Died):
        create_reservation(world.environment(), caller(), request(count), idempotency_key=key)
    [record], _ = world.services.reservations.claiming(0, world.clock.now())
    assert units_held(world.db) - held == (count if after == "own" else 0)
    assert audit(world.db) == []
    return record


died = pytest.mark.parametrize("after", ["record", "own"])


@died
def test_members_do_not_see_a_reservation_that_is_claiming(world: World, after: str) -> None:
    record = left_by_a_death(world, after)

    with pytest.raises(NotFound):
        get_reservation(world.services, caller(), record.id, NOWHERE)
    assert list_reservations(world.services, caller(), ReservationFilter()) == []


@died
def test_an_operator_sees_a_reservation_that_is_claiming_and_may_not_delete_it(
    world: World, after: str
) -> None:
    record = left_by_a_death(world, after)
    operator = caller(
        organizations=frozenset(), permissions=frozenset({Permission.OPERATE, Permission.DELETE_RESERVATIONS})
    )
    named = frozenset({ORGANIZATION})

    one = get_reservation(world.services, operator, record.id, named)
    assert list_reservations(world.services, operator, ReservationFilter(organizations=named)) == [one]
    view = reservation_view(one)
    assert view["metadata"]["provisioningStatus"] == "pending"
    assert view["status"]["claimedUnitCount"] == 0
    assert view["status"]["message"].startswith("claiming: ")
    with pytest.raises(NotFound):
        delete_reservation(world.services, operator, record.id, named)


@died
def test_a_repeat_waits_until_the_first_try_has_run_out_of_time_and_then_resumes_its_record(
    world: World, after: str
) -> None:
    record = left_by_a_death(world, after, 8)
    with pytest.raises(RaceLost, match="under way"):
        reserve(world, 8, key=KEY)
    assert record.claiming_until is not None
    world.clock.advance(record.claiming_until - world.clock.now() + 1)

    made = reserve(world, 8, key=KEY).reservation

    assert (made.id, made.created_at, made.life) == (record.id, record.created_at, record.life)
    assert units_held(world.db) == 8
    assert audit(world.db) == []


@died
def test_another_request_under_the_key_is_a_conflict(world: World, after: str) -> None:
    left_by_a_death(world, after)
    with pytest.raises(Conflict):
        reserve(world, 2, key=KEY)


@died
def test_reconcile_removes_a_claiming_record_that_is_not_repeated_and_its_key_may_be_used_again(
    world: World, after: str
) -> None:
    record = left_by_a_death(world, after)
    assert reconcile(world.services).restarted == 0
    world.clock.advance(120)

    assert reconcile(world.services).restarted == 1

    assert records(world) == ["gone"]
    assert units_held(world.db) == 0
    assert audit(world.db) == []
    made = reserve(world, 8, key=KEY).reservation
    assert (made.id, made.life == record.life) == (record.id, False)


def test_a_claiming_request_that_runs_out_of_time_owns_nothing_and_changes_nothing(world: World) -> None:
    """Reconcile removes its record while the request still runs: the write that settles it is refused."""
    world.db.before("put_item", lambda *_: _pass_and_reconcile(world), skip=1)

    with pytest.raises(RaceLost):
        reserve(world, 3)
    assert records(world) == ["gone"]
    assert units_held(world.db) == 0
    assert audit(world.db) == []


def test_a_request_whose_record_was_resumed_by_another_leaves_the_others_run_alone(world: World) -> None:
    def adopt(*_: object) -> None:
        world.clock.advance(120)
        create_reservation(world.environment(), caller(), request(3), idempotency_key=KEY)

    world.db.before("put_item", adopt, skip=1)

    shown = reserve(world, 3, key=KEY).reservation

    assert records(world) == ["pending"]
    assert units_held(world.db) == 3
    assert shown.status is Status.PENDING
    assert audit(world.db) == []


def test_a_tentative_booking_causes_a_lost_race_and_no_lack_of_capacity(world: World) -> None:
    left_by_a_death(world, "own", 8)

    with pytest.raises(RaceLost, match="claimed by others"):
        reserve(world, 1)
    world.clock.advance(120)
    reconcile(world.services)
    assert reserve(world, 8).reservation.owned_units == 8


def test_a_request_that_does_not_fit_even_without_tentative_bookings_is_refused_without_a_write(
    world: World,
) -> None:
    reserve(world, 5)
    left_by_a_death(world, "own", 2)
    before = world.db.write_units

    with pytest.raises(InsufficientCapacity):
        reserve(world, 4)
    assert world.db.write_units == before


def test_a_settled_booking_causes_a_lack_of_capacity_at_once(world: World) -> None:
    reserve(world, 8)
    before = world.db.write_units

    with pytest.raises(InsufficientCapacity):
        reserve(world, 1)
    assert world.db.write_units == before


def test_a_tentative_booking_causes_a_lost_race_and_no_refusal_by_quota(world: World) -> None:
    world.set_quota(4)
    left_by_a_death(world, "own", 3)
    assert world.quota_used() == 3

    with pytest.raises(RaceLost, match="quota"):
        reserve(world, 2)
    with pytest.raises(QuotaExceeded):
        reserve(world, 5)
    world.clock.advance(120)
    reconcile(world.services)
    assert world.quota_used() == 0
    assert reserve(world, 4).reservation.counted


def test_a_record_stays_claiming_no_longer_than_its_invocation_may_run(world: World) -> None:
    deadline = Deadline(lambda: 0.0)
    deadline.arm(7.2)
    services = replace(world.services, deadline=deadline)
    world.db.after("put_item", dies)
    with pytest.raises(Died):
        create_reservation(services, caller(), request(1))

    [record] = world.services.reservations.every(ORGANIZATION)
    assert record.claiming_until == world.clock.now() + 8 + 2


def test_a_retry_after_a_lost_race_names_another_run_and_another_tag() -> None:
    world = World(pods=(pod("pod1", 8), pod("pod2", 8)))
    named: list[Any] = []

    def take_its_run(_operation: str, parameters: dict[str, Any]) -> None:
        [record], _ = world.services.reservations.claiming(0, world.clock.now())
        named.append(record.named)
        pod = world.db.get_item(TableName="inventory", Key=parameters["Key"])["Item"]
        world.db.put_item(TableName="inventory", Item=pod | {"d0": {"B": b"rivalriv"}})

    world.db.before("update_item", take_its_run)

    made = reserve(world, 8).reservation

    assert made.runs[0].placement != named[0].placement
    assert made.runs[0].tag != named[0].tag
    assert made.named is None
    assert made.revision == 3


def _pass_and_reconcile(world: World) -> None:
    world.clock.advance(120)
    reconcile(world.environment())

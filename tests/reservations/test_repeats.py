"""A reservation that is asked for again without a key, where an operator has set a time for that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from testkit.auditor import audit, units_held
from testkit.dynamodb import Died, dies
from testkit.reservations import NOWHERE, fail, tear_down
from testkit.world import World, caller, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services

SECONDS = 60


def repeating(world: World, seconds: int = SECONDS) -> Services:
    services = world.environment()
    return replace(services, limits=replace(services.limits, repeat_seconds=seconds))


def asked(world: World, count: int = 2, seconds: int = SECONDS, **who: Any) -> str:
    return create_reservation(repeating(world, seconds), caller(**who), request(count)).reservation.id


def test_an_equal_request_within_the_time_answers_with_the_reservation_and_writes_nothing(
    world: World,
) -> None:
    made = asked(world)
    before = world.db.dump()
    assert asked(world) == made
    assert world.db.dump() == before


def test_without_a_time_every_request_makes_another(world: World) -> None:
    assert asked(world, seconds=0) != asked(world, seconds=0)
    assert units_held(world.db) == 4


def test_after_the_time_it_is_asked_for_anew(world: World) -> None:
    made = asked(world)
    world.clock.advance(SECONDS)
    assert asked(world) != made


def test_another_request_and_another_caller_are_no_repeat(world: World) -> None:
    made = asked(world)
    assert len({made, asked(world, 1), asked(world, subject="somebody-else")}) == 3
    assert audit(world.db) == []


def test_a_reservation_that_goes_answers_no_repeat(world: World) -> None:
    made = asked(world)
    delete_reservation(world.environment(), caller(), made, NOWHERE)
    again = asked(world)
    assert again != made
    tear_down(world, made)
    assert asked(world) == again


def test_a_reservation_that_failed_answers_no_repeat(world: World) -> None:
    made = asked(world)
    fail(world, made)
    assert asked(world) != made


def test_of_two_equal_ones_at_once_one_is_made(world: World) -> None:
    rivals: list[str] = []
    world.db.before("transact_write_items", lambda *_: rivals.append(asked(world)))

    assert [asked(world)] == rivals
    assert units_held(world.db) == 2
    assert audit(world.db) == []


def test_a_repeat_goes_on_in_what_a_claimant_left_that_died(world: World) -> None:
    world.db.before("update_item", dies)
    with pytest.raises(Died):
        asked(world, 3, seconds=10**6)
    (left,) = (r for r in world.db.table("holders").items() if r["sk"]["S"].startswith("RESERVATION#"))
    world.clock.advance(3600)

    assert asked(world, 3, seconds=10**6) == left["sk"]["S"].removeprefix("RESERVATION#")
    assert units_held(world.db) == 3
    assert audit(world.db) == []

"""A holder that is asked for again without a key, where an operator has set a time for that."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.dynamodb import Died, dies
from testkit.kinds import Kind, Reservations, Vms, writes
from testkit.reservations import fail

SECONDS = 60


@pytest.fixture(params=[Reservations, Vms], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param()
    return made


def asked(kind: Kind, count: int = 2, *, seconds: int = SECONDS, **options: Any) -> str:
    made: str = kind.create(count, services=kind.patient(seconds), **options).id
    return made


def test_an_equal_request_within_the_time_answers_with_the_holder_and_writes_nothing(kind: Kind) -> None:
    made = asked(kind)
    before = kind.world.db.dump()
    kind.world.clock.advance(SECONDS - 1)
    assert asked(kind) == made
    assert kind.world.db.dump() == before


def test_without_a_time_every_request_makes_another(kind: Kind) -> None:
    assert asked(kind, seconds=0) != asked(kind, seconds=0)
    assert kind.held() == 4


def test_after_the_time_it_is_asked_for_anew(kind: Kind) -> None:
    made = asked(kind)
    kind.world.clock.advance(SECONDS)
    assert asked(kind) != made


def test_another_request_another_caller_and_a_key_are_no_repeat(kind: Kind) -> None:
    made = [asked(kind), asked(kind, 1), asked(kind, subject="somebody-else"), asked(kind, key="order-0815")]
    assert len(set(made)) == 4
    kind.check()


def test_one_that_was_deleted_answers_no_repeat(kind: Kind) -> None:
    made = kind.create(services=kind.patient(SECONDS))
    kind.end(made)
    again = asked(kind)
    assert again != made.id
    assert asked(kind) == again


def test_of_two_equal_ones_at_once_one_is_made(kind: Kind) -> None:
    rivals: list[str] = []
    kind.world.db.before("*", lambda *_: rivals.append(asked(kind)), only=writes)

    assert [asked(kind)] == rivals
    assert kind.held() == 2
    kind.check()


def test_a_reservation_that_failed_answers_no_repeat() -> None:
    kind = Reservations()
    made = asked(kind)
    fail(kind.world, made)
    assert asked(kind) != made


def test_a_repeat_goes_on_in_what_a_claimant_left_that_died() -> None:
    kind = Reservations()
    kind.world.db.before("update_item", dies)
    with pytest.raises(Died):
        asked(kind, 3, seconds=10**6)
    left = kind.there()
    kind.world.clock.advance(3600)

    assert [asked(kind, 3, seconds=10**6)] == left
    assert kind.held() == 3
    kind.check()

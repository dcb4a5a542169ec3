"""Repeats without an idempotency key, within the time that an operator has set for them."""

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


def test_an_equal_request_within_the_repeat_time_returns_the_holder_and_writes_nothing(kind: Kind) -> None:
    made = asked(kind)
    before = kind.world.db.dump()
    kind.world.clock.advance(SECONDS - 1)
    assert asked(kind) == made
    assert kind.world.db.dump() == before


def test_without_a_repeat_time_every_request_makes_another_holder(kind: Kind) -> None:
    assert asked(kind, seconds=0) != asked(kind, seconds=0)
    assert kind.held() == 4


def test_after_the_repeat_time_an_equal_request_makes_another_holder(kind: Kind) -> None:
    made = asked(kind)
    kind.world.clock.advance(SECONDS)
    assert asked(kind) != made


def test_another_body_or_caller_or_a_key_makes_the_request_no_repeat(kind: Kind) -> None:
    made = [asked(kind), asked(kind, 1), asked(kind, subject="somebody-else"), asked(kind, key="order-0815")]
    assert len(set(made)) == 4
    kind.check()


def test_a_deleted_holder_is_not_returned_for_an_equal_request(kind: Kind) -> None:
    made = kind.create(services=kind.patient(SECONDS))
    kind.end(made)
    again = asked(kind)
    assert again != made.id
    assert asked(kind) == again


def test_of_two_concurrent_equal_requests_one_makes_a_holder(kind: Kind) -> None:
    rivals: list[str] = []
    kind.world.db.before("*", lambda *_: rivals.append(asked(kind)), only=writes)

    assert [asked(kind)] == rivals
    assert kind.held() == 2
    kind.check()


def test_a_failed_reservation_is_not_returned_for_an_equal_request() -> None:
    kind = Reservations()
    made = asked(kind)
    fail(kind.world, made)
    assert asked(kind) != made


def test_a_repeat_resumes_the_record_of_a_process_that_died_while_claiming() -> None:
    kind = Reservations()
    kind.world.db.before("update_item", dies)
    with pytest.raises(Died):
        asked(kind, 3, seconds=10**6)
    left = kind.there()
    kind.world.clock.advance(3600)

    assert [asked(kind, 3, seconds=10**6)] == left
    assert kind.held() == 3
    kind.check()

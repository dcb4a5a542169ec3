"""An organization's limit: a refusal for its members, counted through the life of what it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import QuotaExceeded
from gpu_capacity.operations.set_quota import QuotaSetter
from testkit.dynamodb import timeout_after
from testkit.kinds import OTHER_ORGANIZATION, Kind
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTED = "transact_write_items"
"""What counts writes the quota too."""


def operator(kind: Kind) -> QuotaSetter:
    return QuotaSetter.of(kind.world.environment(), "operator:root")


def test_a_limit_may_be_used_up_exactly_and_not_exceeded(kind: Kind) -> None:
    kind.limit(5)
    assert kind.create(4).counted
    kind.create(1)
    assert kind.used() == 5
    before = kind.world.db.dump()

    with pytest.raises(QuotaExceeded, match=f"1 {kind.noun} requested, 5 of 5 in use") as caught:
        kind.create(1)
    refusal = caught.value
    assert (refusal.subject, refusal.requested, refusal.limit, refusal.used) == (kind.subject, 1, 5, 5)
    assert kind.world.db.dump() == before
    kind.check()


def test_a_dry_run_is_held_to_the_limit_and_counts_nothing(kind: Kind) -> None:
    kind.limit(2)
    kind.create(2, dry_run=True)
    assert kind.used() == 0

    with pytest.raises(QuotaExceeded):
        kind.create(4, dry_run=True)


def test_a_repeat_is_answered_where_the_first_used_up_the_limit(kind: Kind) -> None:
    kind.limit(2)
    made = kind.create(key="order-0815")
    assert kind.create(key="order-0815") == made


def test_without_a_limit_on_it_nothing_is_counted(kind: Kind) -> None:
    kind.world.set_quota(0, "B200")
    assert not kind.create().counted
    kind.check()


def test_one_organization_does_not_use_up_what_another_may_have(kind: Kind) -> None:
    kind.limit(2)
    kind.create(2)
    kind.create(4, organization=OTHER_ORGANIZATION)
    assert (kind.used(), kind.held()) == (2, 6)
    kind.check()


def test_a_rival_that_leaves_room_is_counted_beside(kind: Kind) -> None:
    kind.limit(6)
    kind.world.db.before(COUNTED, lambda *_: kind.create(2, services=kind.world.environment()))

    kind.create(4)

    assert kind.used() == 6
    kind.check()


def test_of_two_that_race_for_the_last_of_a_limit_one_wins(kind: Kind) -> None:
    kind.limit(3)
    kind.world.db.before(COUNTED, lambda *_: kind.create(2, services=kind.world.environment()))

    with pytest.raises(QuotaExceeded) as caught:
        kind.create(2)
    assert (caught.value.used, caught.value.limit) == (2, 3)
    assert (kind.used(), kind.held()) == (2, 2)
    kind.check()


def test_a_limit_that_is_lowered_meanwhile_holds(kind: Kind) -> None:
    kind.limit(5)
    kind.world.db.before(COUNTED, lambda *_: kind.limit(2))

    with pytest.raises(QuotaExceeded):
        kind.create(4)
    assert (kind.used(), kind.held(), kind.there()) == (0, 0, [])
    kind.check()


def test_a_limit_that_is_raised_meanwhile_is_used(kind: Kind) -> None:
    kind.limit(5)
    kind.world.db.before(COUNTED, lambda *_: kind.limit(6))

    kind.create(4)

    assert kind.used() == 4
    kind.check()


def test_a_limit_that_is_lifted_meanwhile_counts_nothing(kind: Kind) -> None:
    kind.limit(5)
    key = keys.quota(ORGANIZATION, kind.subject)
    kind.world.db.before(COUNTED, lambda *_: kind.world.db.delete_item(TableName=HOLDERS, Key=key))

    assert not kind.create().counted
    kind.check()


def test_an_answer_that_is_lost_counts_once(kind: Kind) -> None:
    kind.limit(4)
    kind.world.db.after(COUNTED, timeout_after())

    kind.create(4)

    assert kind.used() == 4
    kind.check()


def test_the_end_takes_back_what_was_counted_and_leaves_the_count_of_others(kind: Kind) -> None:
    kind.limit(6)
    kind.create(2)
    going = kind.create(4)

    kind.delete(going)
    assert kind.used() == 6
    kind.settle(going)

    assert kind.used() == 2
    kind.check()


def test_a_limit_takes_nothing_off_for_what_it_did_not_count(kind: Kind) -> None:
    made = kind.create(4)
    kind.limit(5)
    kind.create(1)

    kind.end(made)

    assert kind.used() == 1
    kind.check()


def test_what_is_there_when_an_operator_sets_a_limit_is_counted_once_even_beyond_it(kind: Kind) -> None:
    made = kind.create(4)

    change = operator(kind).set(ORGANIZATION, kind.subject, 2)

    assert change.counted_in == 1
    assert change.quota is not None
    assert (change.quota.limit, change.quota.used) == (2, 4)
    assert operator(kind).set(ORGANIZATION, kind.subject, 3).counted_in == 0
    with pytest.raises(QuotaExceeded):
        kind.create(1)
    kind.check()
    kind.end(made)
    assert kind.used() == 0
    kind.check()


def test_what_goes_while_it_is_counted_in_is_not_counted(kind: Kind) -> None:
    made = kind.create()
    kind.world.db.before(COUNTED, lambda *_: kind.end(made))

    operator(kind).set(ORGANIZATION, kind.subject, 9)

    assert kind.used() == 0
    kind.check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_limit_that_is_set_while_a_holder_is_recorded_counts_it_all_the_same(kind: Kind, when: str) -> None:
    def set_limit(*_: object) -> None:
        operator(kind).set(ORGANIZATION, kind.subject, 9)

    hook: Callable[..., object] = getattr(kind.world.db, when)
    hook("*", set_limit, only=lambda asked: {"Item", "TransactItems"} & asked.keys())

    kind.create(4)

    assert kind.used() == 4
    kind.check()

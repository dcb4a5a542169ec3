"""Quotas: requests over the limit are refused, and a holder is counted from its creation to its end."""

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


def test_a_dry_run_is_checked_against_the_limit_and_counts_nothing(kind: Kind) -> None:
    kind.limit(2)
    kind.create(2, dry_run=True)
    assert kind.used() == 0

    with pytest.raises(QuotaExceeded):
        kind.create(4, dry_run=True)


def test_a_repeat_is_accepted_although_the_first_request_used_up_the_limit(kind: Kind) -> None:
    kind.limit(2)
    made = kind.create(key="order-0815")
    assert kind.create(key="order-0815") == made


def test_without_a_limit_nothing_is_counted(kind: Kind) -> None:
    kind.world.set_quota(0, "B200")
    assert not kind.create().counted
    kind.check()


def test_a_limit_applies_to_one_organization_only(kind: Kind) -> None:
    kind.limit(2)
    kind.create(2)
    kind.create(4, organization=OTHER_ORGANIZATION)
    assert (kind.used(), kind.held()) == (2, 6)
    kind.check()


def test_two_concurrent_requests_within_the_limit_are_both_counted(kind: Kind) -> None:
    kind.limit(6)
    kind.world.db.before(COUNTED, lambda *_: kind.create(2, services=kind.world.environment()))

    kind.create(4)

    assert kind.used() == 6
    kind.check()


def test_of_two_concurrent_requests_for_the_rest_of_a_limit_one_succeeds(kind: Kind) -> None:
    kind.limit(3)
    kind.world.db.before(COUNTED, lambda *_: kind.create(2, services=kind.world.environment()))

    with pytest.raises(QuotaExceeded) as caught:
        kind.create(2)
    assert (caught.value.used, caught.value.limit) == (2, 3)
    assert (kind.used(), kind.held()) == (2, 2)
    kind.check()


def test_a_limit_lowered_during_the_request_is_respected(kind: Kind) -> None:
    kind.limit(5)
    kind.world.db.before(COUNTED, lambda *_: kind.limit(2))

    with pytest.raises(QuotaExceeded):
        kind.create(4)
    assert (kind.used(), kind.held(), kind.there()) == (0, 0, [])
    kind.check()


def test_a_limit_raised_during_the_request_is_used(kind: Kind) -> None:
    kind.limit(5)
    kind.world.db.before(COUNTED, lambda *_: kind.limit(6))

    kind.create(4)

    assert kind.used() == 4
    kind.check()


def test_a_limit_removed_during_the_request_counts_nothing(kind: Kind) -> None:
    kind.limit(5)
    key = keys.quota(ORGANIZATION, kind.subject)
    kind.world.db.before(COUNTED, lambda *_: kind.world.db.delete_item(TableName=HOLDERS, Key=key))

    assert not kind.create().counted
    kind.check()


def test_a_write_that_timed_out_is_counted_once(kind: Kind) -> None:
    kind.limit(4)
    kind.world.db.after(COUNTED, timeout_after())

    kind.create(4)

    assert kind.used() == 4
    kind.check()


def test_the_end_of_a_holder_subtracts_what_was_counted_for_it_and_nothing_else(kind: Kind) -> None:
    kind.limit(6)
    kind.create(2)
    going = kind.create(4)

    kind.delete(going)
    assert kind.used() == 6
    kind.settle(going)

    assert kind.used() == 2
    kind.check()


def test_the_end_of_a_holder_that_was_not_counted_subtracts_nothing(kind: Kind) -> None:
    made = kind.create(4)
    kind.limit(5)
    kind.create(1)

    kind.end(made)

    assert kind.used() == 1
    kind.check()


def test_setting_a_limit_counts_existing_holders_once_even_beyond_the_limit(kind: Kind) -> None:
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


def test_a_holder_deleted_while_a_new_limit_counts_it_is_not_counted(kind: Kind) -> None:
    made = kind.create()
    kind.world.db.before(COUNTED, lambda *_: kind.end(made))

    operator(kind).set(ORGANIZATION, kind.subject, 9)

    assert kind.used() == 0
    kind.check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_limit_set_while_a_holder_is_being_recorded_counts_that_holder(kind: Kind, when: str) -> None:
    def set_limit(*_: object) -> None:
        operator(kind).set(ORGANIZATION, kind.subject, 9)

    hook: Callable[..., object] = getattr(kind.world.db, when)
    hook("*", set_limit, only=lambda asked: {"Item", "TransactItems"} & asked.keys())

    kind.create(4)

    assert kind.used() == 4
    kind.check()

"""An organization's limit on units of an accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import QuotaExceeded, RaceLost, StorageUnavailable
from gpu_capacity.reservations import claiming
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.dynamodb import Died, dies
from testkit.reservations import delete, fail, records, reserve, stored, tear_down
from testkit.world import HOLDERS, ORGANIZATION, REGION, World, caller, request

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_limit_that_is_set_after_the_record_gives_the_run_back_and_notifies_the_filler(
    world: World,
) -> None:
    world.db.after("put_item", lambda *_: world.set_quota(2))

    with pytest.raises(QuotaExceeded):
        reserve(world, 3)
    assert units_held(world.db) == 0
    assert records(world) == ["gone"]
    assert world.events.zones == [REGION]


def test_a_failure_takes_back_what_was_counted_and_its_delete_nothing_more(world: World) -> None:
    world.set_quota(5)
    reservation_id = reserve(world, 3).reservation.id

    assert fail(world, reservation_id) == {"outcome": "failed"}
    assert world.quota_used() == 0
    delete(world, reservation_id)
    assert tear_down(world, reservation_id) == {"outcome": "gone"}
    assert world.quota_used() == 0
    assert audit(world.db) == []


@pytest.mark.parametrize("end", [tear_down, fail])
def test_a_quota_that_counts_less_than_the_record_is_reported_and_nothing_is_hidden(
    world: World, end: Callable[[World, str], object]
) -> None:
    """Somebody edited it by hand; with the right figure again all goes on."""
    world.set_quota(5)
    reservation_id = reserve(world, 3).reservation.id
    if end is tear_down:
        delete(world, reservation_id)
    world.set_quota(5, used=2)

    with pytest.raises(StorageUnavailable, match="the record and the quota disagree"):
        end(world, reservation_id)
    assert stored(world, reservation_id).counted
    assert world.quota_used() == 2

    world.set_quota(5, used=3)
    end(world, reservation_id)
    assert world.quota_used() == 0
    assert units_held(world.db) == 0
    assert audit(world.db) == []


def test_a_dead_claimant_that_is_counted_less_is_left_out_of_a_run_of_reconcile(world: World) -> None:
    world.set_quota(5)

    world.db.before("update_item", dies)
    with pytest.raises(Died):
        reserve(world, 3)
    world.clock.advance(120)
    world.set_quota(5, used=2)
    assert reconcile(world.services).left_out == 1

    world.set_quota(5, used=3)
    world.clock.advance(120)
    assert reconcile(world.services).restarted == 1
    assert (records(world), world.quota_used()) == (["gone"], 0)


def test_counting_in_during_the_release_is_taken_off_by_its_repetition(world: World) -> None:
    reservation = reserve(world, 3).reservation
    store = world.services.reservations
    world.services.quotas.set_limit(ORGANIZATION, "GB300", 5)
    delete(world, reservation.id)
    going = stored(world, reservation.id)
    counted = []
    world.db.before(
        "put_item",
        lambda *_: counted.append(store.count_in(going)),
        only=lambda parameters: parameters["TableName"] == HOLDERS,
    )

    assert tear_down(world, reservation.id) == {"outcome": "waiting"}
    assert counted == [True]
    assert tear_down(world, reservation.id) == {"outcome": "gone"}
    assert world.quota_used() == 0
    assert audit(world.db) == []


def test_counting_in_during_the_failure_leaves_nothing_counted(world: World) -> None:
    """The record that it read is another by then: it looks again."""
    reservation = reserve(world, 3).reservation
    store = world.services.reservations
    world.services.quotas.set_limit(ORGANIZATION, "GB300", 5)
    world.db.before("put_item", lambda *_: store.count_in(stored(world, reservation.id)), skip=2)

    fail(world, reservation.id)

    assert stored(world, reservation.id).status.value == "error"
    assert world.quota_used() == 0
    assert audit(world.db) == []


def test_a_rival_that_was_only_claiming_and_gives_up_meanwhile_is_no_reason_to_refuse(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves after the count was read and before it is looked up who is claiming."""
    world.set_quota(4)
    rival = world.environment()
    with monkeypatch.context() as patches:
        patches.setattr(claiming, "_settle", dies)
        with pytest.raises(Died):
            create_reservation(rival, caller(), request(4))
    world.clock.advance(120)
    world.db.before("query", lambda *_: reconcile(rival), only=_lists_records)

    with pytest.raises(RaceLost, match="the quota is being claimed"):
        reserve(world, 4)
    assert reserve(world, 4).reservation.counted


def _lists_records(query: dict[str, Any]) -> bool:
    return query["TableName"] == HOLDERS and "IndexName" not in query

"""An organization's limit on units of an accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import QuotaExceeded, RaceLost, StorageUnavailable
from gpu_capacity.reservations import claiming
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.dynamodb import Died, dies
from testkit.reservations import delete, fail, records, reserve, stored, tear_down
from testkit.world import HOLDERS, ORGANIZATION, REGION, World, caller, request

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_request_refused_by_a_limit_set_after_its_record_gives_the_run_back_and_notifies_the_filler(
    world: World,
) -> None:
    world.db.after("put_item", lambda *_: world.set_quota(2))

    with pytest.raises(QuotaExceeded):
        reserve(world, 3)
    assert units_held(world.db) == 0
    assert records(world) == ["gone"]
    assert world.events.zones == [REGION]


def test_a_failure_subtracts_what_was_counted_and_the_delete_after_it_subtracts_nothing(world: World) -> None:
    world.set_quota(5)
    reservation_id = reserve(world, 3).reservation.id

    assert fail(world, reservation_id) == {"outcome": "done"}
    assert world.quota_used() == 0
    delete(world, reservation_id)
    assert tear_down(world, reservation_id) == {"outcome": "done"}
    assert world.quota_used() == 0
    assert audit(world.db) == []


@pytest.mark.parametrize("end", [tear_down, fail])
def test_a_quota_below_what_was_counted_for_a_record_is_reported_and_hides_nothing(
    world: World, end: Callable[[World, str], object]
) -> None:
    """An operator edited the figure by hand; with the right figure everything continues."""
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


def test_reconcile_skips_a_claiming_record_for_which_the_quota_counts_too_little(world: World) -> None:
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


def test_a_count_added_during_the_release_is_subtracted_when_the_release_is_repeated(world: World) -> None:
    reservation = reserve(world, 3).reservation
    store = world.services.reservations
    world.services.quotas.set_limit(ORGANIZATION, "GB300", 5)
    delete(world, reservation.id)
    going = stored(world, reservation.id)
    counted = []
    world.db.before(
        "put_item",
        lambda *_: counted.append(store.count_in(going, ["GB300"])),
        only=lambda parameters: parameters["TableName"] == HOLDERS,
    )

    assert release_reservation(world.services, ORGANIZATION, reservation.id) == {"outcome": "waiting"}
    assert counted == [True]
    assert tear_down(world, reservation.id) == {"outcome": "done"}
    assert world.quota_used() == 0
    assert audit(world.db) == []


def test_a_count_added_while_a_failure_is_written_is_subtracted_again(world: World) -> None:
    """The record changes between read and write, so the failure is written on a second read."""
    reservation = reserve(world, 3).reservation
    store = world.services.reservations
    world.services.quotas.set_limit(ORGANIZATION, "GB300", 5)
    world.db.before("put_item", lambda *_: store.count_in(stored(world, reservation.id), ["GB300"]), skip=2)

    fail(world, reservation.id)

    assert stored(world, reservation.id).status.value == "error"
    assert world.quota_used() == 0
    assert audit(world.db) == []


def test_a_claiming_request_that_gives_up_meanwhile_causes_a_lost_race_and_no_refusal_by_quota(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up after the count was read and before the claiming records are looked up."""
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

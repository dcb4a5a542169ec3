"""A reservation's whole life, and the second life of an idempotency key."""

from __future__ import annotations

import pytest

from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS
from gpu_capacity.errors import Conflict
from gpu_capacity.providers.table import FENCE_SECONDS
from gpu_capacity.reservations.record import Status
from testkit.workflow.stage import Stage

KEY = "order-4711"


def _statuses(stage: Stage, reservation: str) -> list[Status | None]:
    """Every status that a client polling between any two steps sees, once each."""
    seen = [stage.status(reservation)]
    while stage.advance():
        if stage.status(reservation) is not seen[-1]:
            seen.append(stage.status(reservation))
    return seen


def test_a_reservation_goes_from_pending_through_provisioned_to_gone() -> None:
    stage = Stage()
    reservation = stage.reserve()
    assert _statuses(stage, reservation) == [Status.PENDING, Status.PROVISIONING, Status.PROVISIONED]
    assert len(stage.live_servers()) == 4
    stage.check_settled()
    stage.delete(reservation)
    assert _statuses(stage, reservation) == [Status.DEPROVISIONING, None]
    assert stage.live_servers() == set()
    stage.check_settled()


def test_several_reservations_go_through_their_lives_concurrently() -> None:
    stage = Stage()
    first, second, third = stage.reserve(1), stage.reserve(2), stage.reserve(1)
    stage.run_in_turns()
    assert {stage.status(r) for r in (first, second, third)} == {Status.PROVISIONED}
    assert len(stage.live_servers()) == 8
    stage.delete(second)
    stage.run_in_turns()
    assert len(stage.live_servers()) == 4
    stage.check_settled()


def test_each_step_that_changes_something_writes_one_audit_line() -> None:
    stage = Stage()
    reservation = stage.reserve()
    stage.run_all()
    stage.delete(reservation)
    stage.run_all()
    lines = [(line.action, line.outcome) for line in stage.world.telemetry.audits]
    assert lines == [
        ("create_reservation", "accepted"),
        ("begin_provisioning", "provisioning"),
        ("complete_provisioning", "provisioned"),
        ("delete_reservation", "accepted"),
        ("complete_deprovisioning", "gone"),
    ]
    assert {line.target for line in stage.world.telemetry.audits} == {reservation}


def _lived_and_gone() -> tuple[Stage, str]:
    stage = Stage()
    reservation = stage.reserve(key=KEY)
    stage.run_all()
    stage.delete(reservation)
    stage.run_all()
    stage.check_settled()
    return stage, reservation


def test_for_a_day_the_key_of_a_deleted_reservation_makes_no_new_one() -> None:
    stage, _ = _lived_and_gone()
    with pytest.raises(Conflict):
        stage.reserve(key=KEY)
    stage.check_settled()


def test_the_fence_of_an_earlier_life_under_the_same_key_does_not_stop_the_later_one() -> None:
    stage, earlier = _lived_and_gone()
    assert TOMBSTONE_SECONDS < FENCE_SECONDS
    # It is still in the table, and counts as absent.
    stage.clock.advance(TOMBSTONE_SECONDS)
    later = stage.reserve(key=KEY)
    assert later == earlier
    stage.run_all()
    assert stage.status(later) is Status.PROVISIONED
    assert len(stage.live_servers()) == 4
    stage.check_settled()


def test_the_later_life_under_the_same_key_is_deleted_like_the_first() -> None:
    stage, _ = _lived_and_gone()
    # It is still in the table, and counts as absent.
    stage.clock.advance(TOMBSTONE_SECONDS)
    later = stage.reserve(key=KEY)
    stage.run_all()
    stage.delete(later)
    stage.run_all()
    assert stage.status(later) is None
    assert len(stage.workflows) == 4
    stage.check_settled()


def test_a_repeated_post_during_provisioning_starts_no_second_execution() -> None:
    stage = Stage()
    reservation = stage.reserve(key=KEY)
    assert stage.reserve(key=KEY) == reservation
    stage.advance()
    assert stage.reserve(key=KEY) == reservation
    assert len(stage.workflows) == 1
    stage.run_all()
    stage.check_settled()

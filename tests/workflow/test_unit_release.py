"""The workflow of a release of units: it frees them, whatever dies, and never before the provider let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.reservations.record import Status
from testkit.auditor import units_held
from testkit.dynamodb import timeout_after, timeout_before
from testkit.provider import StubbornRegion
from testkit.workflow.faults import fails
from testkit.workflow.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb.hooks import Interceptor


def provisioned(*, stubborn: bool = False) -> tuple[Stage, str]:
    provider = (lambda w: StubbornRegion(w.clock, w.behaviour)) if stubborn else None
    stage = Stage(provider=provider)
    reservation = stage.reserve(4)
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED
    return stage, reservation


def test_the_released_units_are_freed_and_the_others_stay_held() -> None:
    stage, reservation = provisioned()

    stage.release(reservation, 1, 2)
    stage.run_all()

    assert units_held(stage.world.db) == 2
    assert len(stage.live_servers()) == 4
    stage.check_settled()


def test_a_provider_that_does_not_answer_keeps_the_units_booked() -> None:
    stage, reservation = provisioned(stubborn=True)
    assert stage.stubborn is not None
    stage.stubborn.down = True

    stage.release(reservation, 0)
    stage.run_all()
    assert units_held(stage.world.db) == 4

    stage.stubborn.down = False
    stage.settle(reservation)
    assert units_held(stage.world.db) == 3
    stage.check_settled()


def test_a_host_that_the_provider_keeps_for_too_long_is_overdue() -> None:
    stage, reservation = provisioned(stubborn=True)
    assert stage.stubborn is not None
    record = stage.record(reservation)
    assert record is not None
    host = f"pod1-rack{record.positions[0]:02}-tray00"
    stage.stubborn.unreleasable.add(host)
    stage.release(reservation, 0)
    stage.run_all()

    late = stage.reconcile(after_seconds=stage.world.limits.teardown_seconds_max + 3_600)

    assert (late.unsettled, late.overdue) == (1, 1)
    assert units_held(stage.world.db) == 4
    stage.stubborn.unreleasable.clear()
    stage.run_all()
    stage.settle(reservation)
    assert units_held(stage.world.db) == 3
    stage.check_settled()


def test_a_start_that_was_lost_is_made_by_reconcile() -> None:
    stage, reservation = provisioned()
    stage.workflows.down = True
    stage.release(reservation, 0)
    stage.workflows.down = False

    assert stage.reconcile(after_seconds=60).restarted == 1
    stage.run_all()

    assert units_held(stage.world.db) == 3
    stage.check_settled()


def test_a_step_that_fails_for_good_is_taken_up_by_reconcile() -> None:
    stage, reservation = provisioned()
    stage.disturb("release_reservation", fails, times=11)
    stage.release(reservation, 3)

    assert stage.settle(reservation) == 1

    assert units_held(stage.world.db) == 3
    stage.check_settled()


@pytest.mark.parametrize("fault", [timeout_before, timeout_after])
def test_every_call_of_the_workflow_may_time_out(fault: Callable[[], Interceptor]) -> None:
    stage, reservation = provisioned()
    stage.release(reservation, 0, 2)
    before = stage.world.db.requests.total()
    stage.run_all()
    for number in range(stage.world.db.requests.total() - before):
        stage, reservation = provisioned()
        stage.release(reservation, 0, 2)
        moment = stage.world.db.before if fault is timeout_before else stage.world.db.after
        hook = moment("*", fault(), skip=number)
        stage.run_all()
        assert hook.fired == 1
        assert units_held(stage.world.db) == 2
        stage.check_settled()


def test_two_releases_and_a_delete_run_in_turns() -> None:
    stage, reservation = provisioned()
    stage.release(reservation, 0)
    stage.release(reservation, 1)
    stage.delete(reservation)

    stage.run_in_turns()

    assert stage.status(reservation) is None
    assert units_held(stage.world.db) == 0
    stage.check_settled()


def test_the_teardown_starts_although_a_release_came_before() -> None:
    """Step Functions remembers names of executions: those of releases must not be those of teardowns."""
    stage, reservation = provisioned()
    for _ in range(4):
        stage.release(reservation, 0)
        stage.run_all()

    stage.delete(reservation)
    stage.run_all()

    assert stage.status(reservation) is None
    stage.check_settled()

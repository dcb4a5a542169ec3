"""Every step fails in every way at every point: what is left is exactly what the record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.reservations.record import Status
from testkit.state_machine import ExecutionStatus
from testkit.workflow.definitions import function_of
from testkit.workflow.faults import answers_first_of_two, dies_after, fails, numbered, runs_twice
from testkit.workflow.stage import Stage
from testkit.world import REGION
from tests.workflow.scenarios import (
    BROKEN_HOST,
    EVERY_SCENARIO,
    EVERY_STEP,
    Scenario,
)

if TYPE_CHECKING:
    from testkit.workflow.faults import Call, Disturbance
    from tests.workflow.scenarios import Step

ONCE = [fails, dies_after, runs_twice, answers_first_of_two]


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_an_undisturbed_scenario_takes_exactly_the_steps_it_lists(scenario: Scenario) -> None:
    stage, reservation = scenario.prepare()
    stage.run_all()
    assert numbered(stage.calls) == scenario.steps
    assert stage.status(reservation) is scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("disturbance", ONCE)
@pytest.mark.parametrize(("scenario", "step"), EVERY_STEP)
def test_one_failure_of_a_step_does_not_change_the_end(
    scenario: Scenario, step: Step, disturbance: Disturbance
) -> None:
    stage, reservation = scenario.prepare()
    stage.disturb(step[0], disturbance, first=step[1])
    stage.run_all()
    assert stage.status(reservation) is scenario.ends_as
    assert stage.execution(scenario.execution, reservation).status is ExecutionStatus.SUCCEEDED
    stage.check_settled()


@pytest.mark.parametrize("disturbance", [runs_twice, answers_first_of_two])
@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_delivering_every_step_twice_does_not_change_the_end(
    scenario: Scenario, disturbance: Disturbance
) -> None:
    stage, reservation = scenario.prepare()
    for step in {name for name, _ in scenario.steps}:
        stage.disturb(step, disturbance, times=None)
    stage.run_all()
    assert stage.status(reservation) is scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("disturbance", [fails, dies_after])
@pytest.mark.parametrize(("scenario", "step"), EVERY_STEP)
def test_if_a_step_keeps_failing_the_execution_is_unfinished_until_it_works_again(
    scenario: Scenario, step: Step, disturbance: Disturbance
) -> None:
    stage, reservation = scenario.prepare()
    stage.disturb(step[0], disturbance, first=step[1], times=None)
    stage.run_all()
    first = stage.execution(scenario.execution, reservation)
    assert first.visited[-1] == "Unfinished"
    assert first.status is ExecutionStatus.FAILED
    # A step whose answers are lost has done its work, and its repetitions have done what comes after it.
    assert (stage.status(reservation) is scenario.ends_as) == (disturbance is dies_after)
    stage.heal()
    stage.settle(reservation)
    assert stage.status(reservation) is scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize(("scenario", "step"), EVERY_STEP)
def test_an_execution_lost_before_a_step_is_replaced_by_another(scenario: Scenario, step: Step) -> None:
    stage, reservation = scenario.prepare()
    for _ in range(scenario.steps.index(step)):
        stage.advance()
    stage.execution(scenario.execution, reservation).stop()
    assert stage.settle(reservation) == 1
    assert stage.status(reservation) is scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_step_delivered_again_after_the_end_changes_nothing(scenario: Scenario) -> None:
    stage, reservation = scenario.prepare()
    stage.run_all()
    before = stage.world.db.dump()
    for call in list(stage.calls):
        stage.invoke(function_of(call.step), call.payload)
        assert stage.world.db.dump() == before, call
    assert stage.status(reservation) is scenario.ends_as


def test_a_late_step_of_a_failed_reservation_does_not_harm_the_next_owner_of_its_racks() -> None:
    stage = Stage()
    stage.provider.hold("somebody-else", REGION, [BROKEN_HOST])
    failed = stage.reserve(4)
    stage.run_all()
    assert stage.status(failed) is Status.ERROR
    stage.provider.release("somebody-else", [BROKEN_HOST])
    assert stage.lift_quarantines() == [BROKEN_HOST]
    stage.clock.advance(60)
    _check_late_steps_change_nothing(stage, [*stage.calls])


def test_a_late_step_of_a_deleted_reservation_does_not_harm_the_next_owner_of_its_racks() -> None:
    stage = Stage()
    deleted = stage.reserve(4)
    stage.run_all()
    stage.delete(deleted)
    stage.run_all()
    assert stage.status(deleted) is None
    _check_late_steps_change_nothing(stage, [*stage.calls])


def _check_late_steps_change_nothing(stage: Stage, calls: list[Call]) -> None:
    stage.heal()
    next_holder = stage.reserve(4)
    stage.run_all()
    before = stage.world.db.dump()
    for call in calls:
        stage.invoke(function_of(call.step), call.payload)
        assert stage.world.db.dump() == before, call
    assert stage.status(next_holder) is Status.PROVISIONED
    stage.check_settled()

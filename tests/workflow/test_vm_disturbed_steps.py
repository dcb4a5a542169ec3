"""Every step of a VM's workflows fails in every way: what is left is exactly what the statuses say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.state_machine import ExecutionStatus
from testkit.vms.scene import REGION
from testkit.workflow.definitions import function_of
from testkit.workflow.faults import answers_first_of_two, dies_after, fails, numbered, runs_twice
from tests.workflow.vm_scenarios import (
    DISPENSABLE_STEPS,
    EVERY_SCENARIO,
    EVERY_STEP,
    INDISPENSABLE_STEPS,
    OPTIONAL_STEPS,
    SCENARIOS,
    Scenario,
)
from tests.workflow.vm_stage import NODE_GPUS, VmStage

if TYPE_CHECKING:
    from testkit.state_machine import Execution
    from testkit.workflow.faults import Call, Disturbance, Run
    from tests.workflow.vm_scenarios import Step
ONCE = [fails, dies_after, runs_twice, answers_first_of_two]


class Lasting:
    """From some call on every call for the same VM fails; those for others do not."""

    def __init__(self, stage: VmStage, how: Disturbance) -> None:
        self._stage, self._how = stage, how
        self.vm_id: str | None = None

    def __call__(self, run: Run) -> Any:
        concerned = self._stage.engine.calls[-1].payload["vm"]
        self.vm_id = self.vm_id or concerned
        return self._how(run) if concerned == self.vm_id else run()

    def execution(self) -> Execution:
        """The last execution of that VM."""
        executions = self._stage.engine.ended.values()
        return [found for found in executions if found.payload["vm"] == self.vm_id][-1]


def disturb_for_good(stage: VmStage, step: Step, how: Disturbance) -> Lasting:
    lasting = Lasting(stage, how)
    stage.engine.disturb(step[0], lasting, first=step[1], times=None)
    return lasting


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_an_undisturbed_scenario_takes_exactly_the_steps_it_lists(scenario: Scenario) -> None:
    stage = scenario.prepare()
    stage.engine.settle()
    assert numbered(stage.engine.calls) == scenario.steps
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("disturbance", ONCE)
@pytest.mark.parametrize(("scenario", "step"), EVERY_STEP)
def test_one_failure_of_a_step_does_not_change_the_end(
    scenario: Scenario, step: Step, disturbance: Disturbance
) -> None:
    stage = scenario.prepare()
    stage.engine.disturb(step[0], disturbance, first=step[1])
    stage.engine.settle()
    assert tuple(stage.statuses()) == scenario.ends_as
    assert {found.status for found in stage.engine.ended.values()} == {ExecutionStatus.SUCCEEDED}
    stage.check_settled()


@pytest.mark.parametrize("disturbance", [runs_twice, answers_first_of_two])
@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_delivering_every_step_twice_does_not_change_the_end(
    scenario: Scenario, disturbance: Disturbance
) -> None:
    stage = scenario.prepare()
    for step in {name for name, _ in scenario.steps}:
        stage.engine.disturb(step, disturbance, times=None)
    stage.engine.settle()
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("disturbance", [fails, dies_after])
@pytest.mark.parametrize(("scenario", "step"), DISPENSABLE_STEPS)
def test_a_start_that_gets_no_server_is_undone_and_frees_its_gpus(
    scenario: Scenario, step: Step, disturbance: Disturbance
) -> None:
    stage = scenario.prepare()
    lasting = disturb_for_good(stage, step, disturbance)
    stage.engine.settle()
    assert "AbandonVmStart" in lasting.execution().visited
    # The check that saw it running was done; only its result was lost.
    seen = disturbance is dies_after and step[0] == "complete_vm_start"
    assert tuple(stage.statuses()) == (scenario.ends_as if seen else scenario.undone_as)
    stage.check_settled()


@pytest.mark.parametrize("disturbance", [fails, dies_after])
@pytest.mark.parametrize(("scenario", "step"), INDISPENSABLE_STEPS)
def test_if_any_other_step_keeps_failing_the_execution_is_unfinished_until_it_works_again(
    scenario: Scenario, step: Step, disturbance: Disturbance
) -> None:
    stage = scenario.prepare()
    lasting = disturb_for_good(stage, step, disturbance)
    stage.engine.settle()
    assert lasting.execution().visited[-1] == "Unfinished"
    assert lasting.execution().status is ExecutionStatus.FAILED
    stage.engine.heal()
    stage.live_through()
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("disturbance", [fails, dies_after])
@pytest.mark.parametrize(("scenario", "step"), OPTIONAL_STEPS)
def test_if_the_restart_step_keeps_failing_the_schedule_restarts_the_others(
    scenario: Scenario, step: Step, disturbance: Disturbance
) -> None:
    stage = scenario.prepare()
    lasting = disturb_for_good(stage, step, disturbance)
    stage.engine.settle()
    assert lasting.execution().status is ExecutionStatus.SUCCEEDED
    stage.check_settled()
    stage.live_through()
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("stuck", [1, 2])
def test_a_server_that_cannot_be_deleted_keeps_its_gpus_owned(stuck: int) -> None:
    stage = SCENARIOS["preempt"].prepare()
    disturb_for_good(stage, ("sweep_vm_server", stuck), fails)
    while stage.now(stage.made[-1]).failure is None:
        stage.engine.go_on()
    for _ in range(50):
        # The start of the new VM was given up, and it still owns what it took over.
        assert stage.engine.go_on()
        assert stage.owned() == {stage.made[-1].tag: NODE_GPUS}
    stage.engine.heal()
    stage.live_through()
    assert tuple(stage.statuses()) == SCENARIOS["preempt"].undone_as
    stage.check_settled()


@pytest.mark.parametrize(("scenario", "step"), EVERY_STEP)
def test_an_execution_lost_before_a_step_is_replaced_by_another(scenario: Scenario, step: Step) -> None:
    stage = scenario.prepare()
    stage.until_step(scenario.steps.index(step))
    stage.engine.kill(stage.next_execution())
    stage.live_through()
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_step_delivered_again_after_the_end_changes_nothing(scenario: Scenario) -> None:
    stage = scenario.prepare()
    stage.engine.settle()
    _check_late_steps_change_nothing(stage, list(stage.engine.calls))
    assert tuple(stage.statuses()) == scenario.ends_as


@pytest.mark.parametrize("left", ["undo", "stop", "destroy"])
def test_a_late_step_does_not_harm_the_next_owner_of_the_gpus(left: str) -> None:
    stage = SCENARIOS[left].prepare()
    stage.engine.settle()
    calls = list(stage.engine.calls)
    stage.behave()
    assert len(stage.world.lift_quarantines(REGION)) == (left == "undo")
    next_holder = stage.rent_and_run(8)
    _check_late_steps_change_nothing(stage, calls)
    assert stage.owned() == {next_holder.tag: NODE_GPUS}
    stage.check_settled()


def _check_late_steps_change_nothing(stage: VmStage, calls: list[Call]) -> None:
    before = stage.world.db.dump()
    for call in calls:
        stage.engine.invoke(function_of(call.step), call.payload)
        assert stage.world.db.dump() == before, call


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_the_order_in_which_executions_continue_does_not_matter(scenario: Scenario) -> None:
    stage = scenario.prepare()
    stage.engine.settle(newest_first=True)
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()

"""An upgrade removes the functions of a running execution: nothing changes, and another execution continues.

An execution keeps the definition that it began with. If a release has other functions, all steps of that
definition fail from then on, including those that would undo something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from testkit.state_machine import ExecutionStatus, TaskError
from testkit.workflow.definitions import steps
from tests.workflow import scenarios, vm_scenarios

if TYPE_CHECKING:
    from testkit.workflow.faults import Disturbed, Run


def _gone(_run: Run) -> NoReturn:
    raise TaskError("Lambda.ResourceNotFoundException", "the function was deleted")


def _take_functions_away(runner: Disturbed) -> None:
    for having in steps().values():
        for step in having:
            runner.disturb(step, _gone, times=None)


@pytest.mark.parametrize(("scenario", "step"), scenarios.EVERY_STEP)
def test_no_reservation_is_lost_with_the_functions_of_its_execution(
    scenario: scenarios.Scenario, step: scenarios.Step
) -> None:
    stage, reservation = scenario.prepare()
    for _ in range(scenario.steps.index(step)):
        stage.advance()
    before = stage.world.db.dump()
    _take_functions_away(stage)
    stage.run_all()
    execution = stage.execution(scenario.execution, reservation)
    assert (execution.status, execution.visited[-1]) == (ExecutionStatus.FAILED, "Unfinished")
    assert stage.world.db.dump() == before
    stage.heal()
    assert stage.settle(reservation) == 1
    assert stage.status(reservation) is scenario.ends_as
    stage.check_settled()


@pytest.mark.parametrize(("scenario", "step"), vm_scenarios.EVERY_STEP)
def test_no_vm_is_lost_with_the_functions_of_its_execution(
    scenario: vm_scenarios.Scenario, step: vm_scenarios.Step
) -> None:
    stage = scenario.prepare()
    stage.until_step(scenario.steps.index(step))
    before = stage.world.db.dump()
    _take_functions_away(stage.engine)
    stage.engine.settle()
    assert stage.world.db.dump() == before
    stage.engine.heal()
    stage.settle()
    # The schedule does what the last step does.
    stage.restart()
    stage.settle()
    assert tuple(stage.statuses()) == scenario.ends_as
    stage.check_settled()

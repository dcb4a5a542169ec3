"""Before any database call of the workflows of VMs another operation runs, or the call fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ActionRefused
from testkit.dynamodb import throttled, timeout_after, timeout_before, unreachable
from tests.workflow.vm_scenarios import DEAD, EVERY_SCENARIO, RUNNING, SCENARIOS, STOPPED, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.dynamodb.hooks import Interceptor
    from tests.workflow.vm_stage import VmStage

STARTS = [pytest.param(SCENARIOS[name], id=name) for name in ("start", "undo", "preempt", "start again")]
# The crash tests in ``tests.vms`` cover lost calls in the other scenarios.
LOST_CALLS = [pytest.param(SCENARIOS[name], id=name) for name in ("undo", "give back", "stop reserved")]

POINTS_OF_A_TEARDOWN = 60


def calls_of(scenario: Scenario) -> int:
    """The number of database calls of the undisturbed scenario."""
    stage = scenario.prepare()
    before = stage.world.db.requests.total()
    stage.engine.settle()
    return stage.world.db.requests.total() - before


def _with_rival(scenario: Scenario, rival: Callable[[VmStage], object]) -> Iterator[tuple[VmStage, int]]:
    """The scenario once for each call that it makes, with the other operation before that call."""
    for number in range(calls_of(scenario)):
        stage = scenario.prepare()

        def interceptor(_operation: str, _parameters: dict[str, object]) -> None:
            rival(stage)  # noqa: B023 - used within this round

        hook = stage.world.db.before("*", interceptor, skip=number)
        stage.engine.settle()
        assert hook.fired == 1
        stage.live_through()
        yield stage, number


def _destroy(stage: VmStage) -> None:
    stage.destroy(stage.made[-1])


def _destroy_and_tear_down(stage: VmStage) -> None:
    """The running step outlives the whole teardown, unless that waits for the step itself."""
    stage.destroy(stage.made[-1])
    for _ in range(POINTS_OF_A_TEARDOWN):
        if not stage.engine.go_on():
            break


def _stop_a_guest(stage: VmStage) -> None:
    try:
        stage.stop(stage.made[0])
    except ActionRefused:
        stage.destroy(stage.made[0])


def _lose_the_executions_and_run_others(stage: VmStage) -> None:
    """The running step becomes a ghost: its execution has ended, but it continues."""
    stage.kill_all()
    stage.reconcile(after_seconds=60)
    stage.engine.settle()


def _look_after_everything(stage: VmStage) -> None:
    assert stage.reconcile(after_seconds=60).restarted == 0
    stage.restart()


@pytest.mark.parametrize("rival", [_destroy, _destroy_and_tear_down])
@pytest.mark.parametrize("scenario", STARTS)
def test_a_destroy_during_a_step_overrides_it_and_leaves_nothing_behind(
    scenario: Scenario, rival: Callable[[VmStage], object]
) -> None:
    for stage, number in _with_rival(scenario, rival):
        assert stage.statuses() == [*[RUNNING] * (len(stage.made) - 1), DEAD], f"call {number}"
        stage.check_settled()


def test_a_victim_that_leaves_during_a_step_does_not_harm_the_preemptor() -> None:
    for stage, number in _with_rival(SCENARIOS["preempt"], _stop_a_guest):
        assert stage.statuses()[0] in (STOPPED, DEAD), f"call {number}"
        assert stage.statuses()[-1] is RUNNING, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_step_of_a_lost_execution_does_not_disturb_the_next_execution(scenario: Scenario) -> None:
    for stage, number in _with_rival(scenario, _lose_the_executions_and_run_others):
        assert tuple(stage.statuses()) == scenario.ends_as, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_the_schedules_during_a_step_leave_running_executions_alone(scenario: Scenario) -> None:
    for stage, number in _with_rival(scenario, _look_after_everything):
        assert tuple(stage.statuses()) == scenario.ends_as, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("fault", [throttled, timeout_before])
@pytest.mark.parametrize("scenario", LOST_CALLS)
def test_a_call_that_does_not_arrive_is_retried(scenario: Scenario, fault: Callable[[], Interceptor]) -> None:
    for number in range(calls_of(scenario)):
        stage = scenario.prepare()
        hook = stage.world.db.before("*", fault(), skip=number)
        stage.engine.settle()
        assert hook.fired == 1
        stage.live_through()
        assert tuple(stage.statuses()) == scenario.ends_as, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("fault", [timeout_after])
@pytest.mark.parametrize("scenario", LOST_CALLS)
def test_a_call_that_timed_out_may_be_retried(scenario: Scenario, fault: Callable[[], Interceptor]) -> None:
    for number in range(calls_of(scenario)):
        stage = scenario.prepare()
        hook = stage.world.db.after("*", fault(), skip=number)
        stage.engine.settle()
        assert hook.fired == 1
        stage.live_through()
        assert tuple(stage.statuses()) == scenario.ends_as, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_database_outage_of_two_minutes_from_any_call_on_does_not_change_the_end(
    scenario: Scenario,
) -> None:
    for number in range(0, calls_of(scenario), 3):
        stage = scenario.prepare()
        clock, away_until = stage.world.clock, 0

        def refuse(operation: str, parameters: dict[str, object]) -> None:
            nonlocal away_until
            away_until = away_until or clock.now() + 120  # noqa: B023 - used within this round
            if clock.now() < away_until:  # noqa: B023 - the same
                unreachable()(operation, parameters)

        hook = stage.world.db.before("*", refuse, times=None, skip=number)
        stage.engine.settle()
        hook.cancel()
        stage.live_through()
        assert tuple(stage.statuses()) == scenario.ends_as, f"call {number}"
        stage.check_settled()

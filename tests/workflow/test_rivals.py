"""A delete or a second execution runs between any two database calls of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.reservations.record import Status
from tests.workflow.scenarios import EVERY_SCENARIO, SCENARIOS, Scenario
from tests.workflow.test_lost_calls import calls_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.workflow.stage import Stage

ALIVE = [pytest.param(SCENARIOS[name], id=name) for name in ("provision", "undo")]


def _with_rival(
    scenario: Scenario, rival: Callable[[Stage, str], object]
) -> Iterator[tuple[Stage, str, int]]:
    """The scenario once for each call that it makes, with the other operation before that call."""
    for number in range(calls_of(scenario)):
        stage, reservation = scenario.prepare()

        def interceptor(_operation: str, _parameters: dict[str, object]) -> None:
            rival(stage, reservation)  # noqa: B023 - used within this round

        hook = stage.world.db.before("*", interceptor, skip=number)
        stage.run_all()
        assert hook.fired == 1
        yield stage, reservation, number


def _delete(stage: Stage, reservation: str) -> None:
    stage.delete(reservation)


def _delete_and_tear_down(stage: Stage, reservation: str) -> None:
    stage.delete(reservation)
    stage.execution("deprovision", reservation).run()
    assert stage.status(reservation) is None


def _lose_the_execution_and_run_another(stage: Stage, reservation: str) -> None:
    """The running step becomes a ghost: its execution has ended, but it continues."""
    for execution in stage.running():
        execution.stop()
    stage.reconcile(after_seconds=60)
    for execution in stage.running():
        execution.run()


def _reconcile(stage: Stage, _reservation: str) -> None:
    """It may give back what the undo is about to give back; it starts nothing."""
    started = set(stage.workflows.executions)
    stage.reconcile(after_seconds=60)
    assert set(stage.workflows.executions) == started


@pytest.mark.parametrize("scenario", ALIVE)
def test_a_delete_during_a_step_overrides_it(scenario: Scenario) -> None:
    for stage, reservation, number in _with_rival(scenario, _delete):
        assert stage.status(reservation) is None, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("scenario", ALIVE)
def test_a_step_that_outlives_a_whole_teardown_leaves_nothing_behind(scenario: Scenario) -> None:
    for stage, reservation, number in _with_rival(scenario, _delete_and_tear_down):
        assert stage.status(reservation) is None, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_step_of_a_lost_execution_does_not_disturb_the_next_execution(scenario: Scenario) -> None:
    for stage, reservation, number in _with_rival(scenario, _lose_the_execution_and_run_another):
        stage.settle(reservation)
        assert stage.status(reservation) is scenario.ends_as, f"call {number}"
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_reconcile_during_a_step_leaves_a_running_execution_alone(scenario: Scenario) -> None:
    for stage, reservation, number in _with_rival(scenario, _reconcile):
        assert stage.status(reservation) is scenario.ends_as, f"call {number}"
        stage.check_settled()


def test_two_concurrent_deletes_start_one_teardown() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    stage.run_all()
    hook = stage.world.db.before("put_item", lambda _operation, _parameters: stage.delete(reservation))
    stage.delete(reservation)
    assert hook.fired == 1
    assert len([name for name in stage.workflows.executions if name.startswith("deprovision")]) == 1
    stage.run_all()
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_delete_between_the_last_check_and_its_completion_is_not_overwritten() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    hook = stage.world.db.before(
        "put_item",
        lambda _operation, _parameters: stage.delete(reservation),
        only=lambda parameters: parameters["Item"].get("status") == {"S": Status.PROVISIONED.value},
    )
    stage.execution("provision", reservation).run()
    assert hook.fired == 1
    assert stage.status(reservation) is Status.DEPROVISIONING
    stage.run_all()
    stage.check_settled()

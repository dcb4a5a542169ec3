"""Every single call of the database fails once, or loses its answer, wherever a workflow makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.dynamodb import internal_error, throttled, timeout_after, timeout_before, unreachable
from testkit.state_machine import ExecutionStatus
from tests.workflow.scenarios import EVERY_SCENARIO, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb.hooks import Interceptor

BEFORE = [throttled, internal_error, timeout_before, unreachable]
AFTER = [timeout_after, internal_error]


def calls_of(scenario: Scenario) -> int:
    """How many calls of the database the scenario makes when nothing disturbs it."""
    stage, _ = scenario.prepare()
    before = stage.world.db.requests.total()
    stage.run_all()
    return stage.world.db.requests.total() - before


@pytest.mark.parametrize("fault", BEFORE)
@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_call_that_does_not_get_through_is_repeated(
    scenario: Scenario, fault: Callable[[], Interceptor]
) -> None:
    for number in range(calls_of(scenario)):
        stage, reservation = scenario.prepare()
        hook = stage.world.db.before("*", fault(), skip=number)
        stage.run_all()
        assert hook.fired == 1
        assert stage.status(reservation) is scenario.ends_as, f"call {number}"
        assert stage.execution(scenario.execution, reservation).status is ExecutionStatus.SUCCEEDED
        stage.check_settled()


@pytest.mark.parametrize("fault", AFTER)
@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_call_whose_answer_is_lost_may_be_repeated(
    scenario: Scenario, fault: Callable[[], Interceptor]
) -> None:
    for number in range(calls_of(scenario)):
        stage, reservation = scenario.prepare()
        hook = stage.world.db.after("*", fault(), skip=number)
        stage.run_all()
        assert hook.fired == 1
        assert stage.status(reservation) is scenario.ends_as, f"call {number}"
        assert stage.execution(scenario.execution, reservation).status is ExecutionStatus.SUCCEEDED
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_database_that_is_away_for_two_minutes_from_any_call_on_changes_nothing_about_the_end(
    scenario: Scenario,
) -> None:
    for number in range(calls_of(scenario)):
        stage, reservation = scenario.prepare()
        clock, away_until = stage.clock, 0

        def refuse(operation: str, parameters: dict[str, object]) -> None:
            nonlocal away_until
            away_until = away_until or clock.now() + 120  # noqa: B023 - used within this round
            if clock.now() < away_until:  # noqa: B023 - the same
                unreachable()(operation, parameters)

        hook = stage.world.db.before("*", refuse, times=None, skip=number)
        stage.run_all()
        hook.cancel()
        assert stage.status(reservation) is scenario.ends_as, f"call {number}"
        stage.check_settled()

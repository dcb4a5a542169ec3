"""Every single database call of a workflow fails once, or times out after it was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.dynamodb import internal_error, throttled, timeout_after, timeout_before, unreachable
from testkit.state_machine import ExecutionStatus
from tests.workflow.scenarios import EVERY_SCENARIO, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb.hooks import Interceptor

LOST = [
    *(("before", fault) for fault in (throttled, internal_error, timeout_before, unreachable)),
    *(("after", fault) for fault in (timeout_after, internal_error)),
]


def calls_of(scenario: Scenario, moment: str = "before") -> int:
    """The number of database calls of the undisturbed scenario; ``after``: of those that are answered."""
    stage, _ = scenario.prepare()
    counted = getattr(stage.world.db, moment)("*", lambda *_: None, times=None)
    stage.run_all()
    return int(counted.fired)


@pytest.mark.parametrize(("moment", "fault"), LOST)
@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_call_that_does_not_arrive_or_whose_answer_is_lost_is_retried(
    scenario: Scenario, moment: str, fault: Callable[[], Interceptor]
) -> None:
    for number in range(calls_of(scenario, moment)):
        stage, reservation = scenario.prepare()
        intercept = getattr(stage.world.db, moment)
        hook = intercept("*", fault(), skip=number)
        stage.run_all()
        assert hook.fired == 1
        assert stage.status(reservation) is scenario.ends_as, f"call {number}"
        assert stage.execution(scenario.execution, reservation).status is ExecutionStatus.SUCCEEDED
        stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_database_outage_of_two_minutes_from_any_call_on_does_not_change_the_end(
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

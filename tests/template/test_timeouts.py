"""Time limits are nested: a call ends before its function, an API's function before the gateway's timeout."""

from __future__ import annotations

from typing import Any, Final

import pytest

from gpu_capacity.adapters.retrying_client import ATTEMPT_SECONDS, READ_BACK_SECONDS
from gpu_capacity.runtime.functions import ANSWER_SECONDS
from testkit.workflow.definitions import MACHINES, all_states, definition
from tests.template.loading import resources, template
from tools.openapi.routes import logical_id

GATEWAY_SECONDS_MAX: Final = 29
"""What API Gateway waits for an integration, unless a quota is raised."""

FUNCTIONS: Final = resources("AWS::Serverless::Function")


def _timeout(function: dict[str, Any]) -> int:
    found: int = function.get("Timeout", template()["Globals"]["Function"]["Timeout"])
    return found


def _is_of_an_api(function: dict[str, Any]) -> bool:
    return any(event["Type"] == "Api" for event in function.get("Events", {}).values())


@pytest.mark.parametrize("name", sorted(n for n, function in FUNCTIONS.items() if _is_of_an_api(function)))
def test_an_api_function_answers_before_the_gateway_times_out(name: str) -> None:
    assert _timeout(FUNCTIONS[name]) < GATEWAY_SECONDS_MAX


TASKS: Final = {
    (machine, state["Arguments"]["step"]): (state.get("TimeoutSeconds"), state["Resource"])
    for machine in MACHINES
    for _, state, _ in all_states(definition(machine))
    if state["Type"] == "Task"
}
"""By machine and step: the time that the machine gives it, if it does, and its function."""

OF_MANY_HOSTS: Final = {"provision_reservation", "release_reservation", "settle_placement"}


@pytest.mark.parametrize(("machine", "step"), TASKS)
def test_a_step_over_many_hosts_has_a_minute_and_every_other_one_the_default(machine: str, step: str) -> None:
    given, function = TASKS[machine, step]
    whole = _timeout(FUNCTIONS[logical_id(function)])
    usual: int = template()["Globals"]["Function"]["Timeout"]
    assert (given or whole) == (60 if step in OF_MANY_HOSTS else usual)
    assert given is None or given < whole


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_time_for_a_slow_read_a_slow_write_and_the_read_that_resolves_it(name: str) -> None:
    assert _timeout(FUNCTIONS[name]) >= ATTEMPT_SECONDS + ATTEMPT_SECONDS + READ_BACK_SECONDS + ANSWER_SECONDS

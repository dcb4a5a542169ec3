"""The workflow of a claim: the deployed definition, run over real rounds and failing ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from gpu_capacity.capacity_claims.rounds import PODS_PER_ROUND_MAX
from gpu_capacity.capacity_claims.settle import Step
from gpu_capacity.errors import CapacityError
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor.claims import claim_records
from testkit.claims import (
    CHICAGO,
    LONDON,
    check,
    claim,
    drop,
    figures,
    gone,
    now,
    resize,
)
from testkit.dynamodb import throttled
from testkit.state_machine import Execution, ExecutionStatus, TaskError
from testkit.state_machine_definition import parse, substitute
from testkit.workflow.definitions import REPOSITORY, all_states, run_step
from testkit.world import World, pod

FILE: Final = REPOSITORY / "statemachines" / "settle_capacity_claim.asl.json"
FUNCTION: Final = "capacity_claim_steps"


def definition() -> dict[str, Any]:
    """The deployed definition, with the function's folder in place of its ARN."""
    return parse(substitute(FILE.read_text(), {"CapacityClaimStepsFunctionArn": FUNCTION}))


@dataclass
class Platform:
    """Runs started executions with the real task."""

    world: World
    faults: list[Exception] = field(default_factory=list)
    rounds: list[str] = field(default_factory=list)

    def run(self) -> list[ExecutionStatus]:
        """Run every started execution to its end."""
        ends = []
        for name, started in list(self.world.workflows.executions.items()):
            if self.world.workflows.states[name].value == "running":
                payload = {key: value for key, value in started.items() if key != "machine"}
                execution = Execution(
                    definition(), payload, self._invoke, self.world.clock, self.world.clock.advance
                )
                execution.run()
                self.world.workflows.end(name)
                ends.append(execution.status)
        return ends

    def _invoke(self, resource: str, payload: dict[str, Any]) -> Any:
        assert resource == FUNCTION
        assert payload.keys() == {"step", "organization", "claim"}
        if self.faults:
            raise TaskError("Runtime.HandlerError", str(self.faults.pop(0)))
        try:
            answer = run_step(resource, self.world.services, payload)
        except CapacityError as error:
            raise TaskError(type(error).__name__, str(error)) from error
        self.rounds.append(answer["outcome"])
        check(self.world)
        return json.loads(json.dumps(answer))


def large() -> World:
    return World(pods=(*(pod(f"lon-{n:03}", 1, hosts=1) for n in range(2 * PODS_PER_ROUND_MAX + 1)),))


def test_a_large_claim_is_filled_in_several_rounds() -> None:
    platform = Platform(large())
    made = claim(platform.world, 2 * PODS_PER_ROUND_MAX + 1)
    assert figures(made)[1] == PODS_PER_ROUND_MAX
    assert platform.run() == [ExecutionStatus.SUCCEEDED]
    assert platform.rounds == ["again", "settled"]
    assert figures(now(platform.world, made)) == ("READY", 2 * PODS_PER_ROUND_MAX + 1, 0)


def test_a_large_growth_starts_another_execution() -> None:
    platform = Platform(large())
    made = claim(platform.world, PODS_PER_ROUND_MAX + 1)
    platform.run()
    resize(platform.world, made, 2 * PODS_PER_ROUND_MAX + 1)
    assert platform.run() == []
    assert figures(now(platform.world, made)) == ("READY", 2 * PODS_PER_ROUND_MAX + 1, 0)
    resize(platform.world, made, 1)
    platform.run()
    resize(platform.world, made, 2 * PODS_PER_ROUND_MAX + 1)
    assert platform.run() == [ExecutionStatus.SUCCEEDED]
    assert figures(now(platform.world, made)) == ("READY", 2 * PODS_PER_ROUND_MAX + 1, 0)


def test_a_claim_that_waits_ends_the_execution_and_is_served_by_the_filler() -> None:
    platform = Platform(World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO))))
    made = claim(platform.world, 2, LONDON)
    resize(platform.world, made, 3, CHICAGO)
    assert platform.run() == [ExecutionStatus.SUCCEEDED]
    assert platform.rounds == ["waiting"]
    assert figures(now(platform.world, made)) == ("UPDATING", 2, 1)


def test_a_delete_gives_everything_back() -> None:
    platform = Platform(large())
    made = claim(platform.world, PODS_PER_ROUND_MAX + 1)
    platform.run()
    platform.rounds.clear()
    drop(platform.world, made)
    assert platform.run() == [ExecutionStatus.SUCCEEDED]
    assert platform.rounds == ["again", "again", "gone"]
    assert gone(platform.world, made)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_round_that_fails_at_any_call_is_retried(failing: int) -> None:
    platform = Platform(large())
    made = claim(platform.world, PODS_PER_ROUND_MAX + 1)
    platform.run()
    drop(platform.world, made)
    platform.world.db.before("transact_write_items", throttled(), skip=failing - 1, times=4)
    assert platform.run() == [ExecutionStatus.SUCCEEDED]
    assert gone(platform.world, made)
    check(platform.world)


def test_every_round_may_run_twice() -> None:
    platform = Platform(large())
    made = claim(platform.world, 2 * PODS_PER_ROUND_MAX + 1)
    payload = {"step": "settle_capacity_claim", "organization": made.organization_id, "claim": made.id}
    drop(platform.world, made)
    while run_step(FUNCTION, platform.world.services, payload)["outcome"] != "gone":
        run_step(FUNCTION, platform.world.services, payload)
        check(platform.world)
    assert claim_records(platform.world.db) == []


def test_rounds_that_keep_failing_end_the_execution_and_the_next_execution_resumes() -> None:
    platform = Platform(large())
    made = claim(platform.world, 5)
    drop(platform.world, made)
    platform.faults = [RuntimeError("no memory")] * 11
    assert platform.run() == [ExecutionStatus.FAILED]
    assert not gone(platform.world, made)
    platform.world.clock.advance(3600)
    assert reconcile(platform.world.services).restarted == 1
    assert platform.run() == [ExecutionStatus.SUCCEEDED]
    assert gone(platform.world, made)
    check(platform.world)


def test_every_state_says_what_undoes_it_and_the_task_has_retry_and_catch() -> None:
    states = list(all_states(definition()))
    assert all(state["Comment"] for _, state, _ in states)
    tasks = [state for _, state, _ in states if state["Type"] == "Task"]
    assert [bool(task["Retry"] and task["Catch"]) for task in tasks] == [True]
    assert "arn:" not in FILE.read_text()


def test_the_state_machine_has_a_branch_for_every_outcome_of_a_round() -> None:
    choice = definition()["States"]["Settled"]
    named = {outcome for outcome in Step if f"'{outcome.value}'" in choice["Choices"][0]["Condition"]}
    assert named == {Step.AGAIN}
    assert definition()["States"][choice["Default"]]["Type"] == "Succeed"

"""A VM is destroyed or stopped, or loses its node, before any step: what is left is what its record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ActionRefused
from gpu_capacity.vms.record import VmStatus
from gpu_capacity.vms.schedule import watch_vm_nodes
from testkit.state_machine import ExecutionStatus
from testkit.workflow.faults import dies_after
from tests.workflow.vm_scenarios import (
    DEAD,
    EVERY_SCENARIO,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SCENARIOS,
    STEPS_OF_STARTS,
    STOPPED,
    Scenario,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workflow.vm_scenarios import Step
    from tests.workflow.vm_stage import VmStage

ACCEPTED = SCENARIOS["preempt"].steps


@pytest.mark.parametrize("newest_first", [False, True], ids=["start first", "teardown first"])
@pytest.mark.parametrize(("scenario", "step"), STEPS_OF_STARTS)
def test_a_destroy_before_any_step_overrides_it_and_its_victims_keep_running(
    scenario: Scenario,
    step: Step,
    newest_first: bool,  # noqa: FBT001 - a case
) -> None:
    stage = scenario.prepare()
    stage.until_step(scenario.steps.index(step))
    stage.destroy(stage.made[-1])
    stage.engine.settle(newest_first=newest_first)
    stage.live_through()
    assert stage.statuses() == [*[RUNNING] * (len(stage.made) - 1), DEAD]
    assert stage.executions(stage.made[-1], "stop_vm")[-1].status is ExecutionStatus.SUCCEEDED
    stage.check_settled()


@pytest.mark.parametrize(("scenario", "step"), STEPS_OF_STARTS)
def test_a_destroy_after_a_step_that_died_before_its_result_overrides_it(
    scenario: Scenario, step: Step
) -> None:
    stage = scenario.prepare()

    def dies_and_is_destroyed(run: Callable[[], object]) -> object:
        try:
            return dies_after(run)
        finally:
            stage.destroy(stage.made[-1])

    stage.engine.disturb(step[0], dies_and_is_destroyed, first=step[1])
    stage.engine.settle(newest_first=True)
    stage.live_through()
    assert stage.statuses() == [*[RUNNING] * (len(stage.made) - 1), DEAD]
    stage.check_settled()


@pytest.mark.parametrize("newest_first", [False, True], ids=["start first", "teardown first"])
@pytest.mark.parametrize("leaves", ["stop", "destroy"])
@pytest.mark.parametrize("number", range(len(ACCEPTED)))
def test_a_victim_may_be_stopped_by_its_user_before_any_step(
    number: int,
    leaves: str,
    newest_first: bool,  # noqa: FBT001 - a case
) -> None:
    stage = SCENARIOS["preempt"].prepare()
    stage.until_step(number)
    guest = stage.made[0]
    refused = leaves == "stop" and stage.now(guest).status is not VmStatus.RUNNING
    if refused:
        with pytest.raises(ActionRefused):
            stage.stop(guest)
    else:
        getattr(stage, leaves)(guest)
    stage.engine.settle(newest_first=newest_first)
    stage.live_through()
    left = INTERRUPTED if refused else {"stop": STOPPED, "destroy": DEAD}[leaves]
    assert stage.statuses() == [left, INTERRUPTED, RUNNING]
    stage.check_settled()


@pytest.mark.parametrize(("scenario", "step"), STEPS_OF_STARTS)
def test_a_node_that_is_lost_before_any_step_leaves_no_gpu_without_an_owner(
    scenario: Scenario, step: Step
) -> None:
    stage = scenario.prepare()
    stage.until_step(scenario.steps.index(step))
    stage.lose(0)
    watch_vm_nodes(stage.services)
    stage.engine.settle()
    watch_vm_nodes(stage.services)
    assert set(stage.statuses()) <= {VmStatus.OFFLINE, FAILED}
    stage.lose()
    watch_vm_nodes(stage.services)
    stage.live_through()
    *guests, new_vm = stage.statuses()
    assert new_vm in (RUNNING, FAILED)
    assert set(guests) <= {RUNNING if new_vm is FAILED else INTERRUPTED}
    stage.check_settled()


@pytest.mark.parametrize("scenario", EVERY_SCENARIO)
def test_a_second_destroy_meanwhile_changes_and_starts_nothing(scenario: Scenario) -> None:
    stage = scenario.prepare()
    stage.destroy(stage.made[-1])
    for _ in range(4):
        stage.engine.go_on()
    before, executions = stage.world.db.dump(), len(stage.world.workflows)
    stage.destroy(stage.made[-1])
    assert stage.world.db.dump() == before
    assert len(stage.world.workflows) == executions


@pytest.mark.parametrize("name", ["stop", "destroy", "stop reserved"])
def test_gpus_are_kept_until_the_server_is_gone(name: str) -> None:
    stage = SCENARIOS[name].prepare()
    vm = stage.made[-1]
    held = stage.owned()
    while stage.live_servers():
        assert stage.owned() == held == {vm.tag: vm.gpus}
        assert stage.engine.go_on()
    stage.engine.settle()
    assert stage.owned() == (held if name == "stop reserved" else {})
    stage.check_settled()


def test_the_disk_of_a_destroyed_vm_is_deleted_and_that_of_any_other_stays() -> None:
    ends: dict[str, set[str]] = {}
    for name in ("stop", "destroy", "preempt"):
        stage = SCENARIOS[name].prepare()
        stage.engine.settle()
        ends[name] = {stage.now(vm).status.value for vm in stage.made if vm.id in stage.disks()}
    assert ends == {"stop": {"stopped"}, "destroy": set(), "preempt": {"interrupted", "running"}}


def test_the_statuses_of_a_life_are_seen_in_order() -> None:
    stage = SCENARIOS["start"].prepare()
    vm = stage.made[0]
    seen = _statuses(stage)
    stage.stop(vm)
    seen += _statuses(stage)
    stage.start(vm)
    seen += _statuses(stage)
    stage.destroy(vm)
    seen += _statuses(stage)
    assert seen == [
        *["creating", "starting", "running"],
        *["stopping", "stopped"],
        *["starting", "running"],
        *["destroyed"],
    ]
    stage.check_settled()


def _statuses(stage: VmStage) -> list[str]:
    """Every status of the only VM that a client polling between any two points sees, once each."""
    seen = [stage.statuses()[0].value]
    while stage.engine.go_on():
        if stage.statuses()[0].value != seen[-1]:
            seen.append(stage.statuses()[0].value)
    return seen

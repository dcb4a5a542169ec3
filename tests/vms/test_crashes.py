"""Executions that die at every step, and databases that fail before or after every call."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import VmStatus
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.dynamodb import timeout_after, unreachable
from testkit.vms.scene import ACCOUNT, INTERRUPTIBLE, RESERVED, Scene
from testkit.world import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Story = Callable[[Scene], None]

pytestmark = pytest.mark.slow

STATES_MAX = 100


def preempts(scene: Scene) -> None:
    scene.made = [scene.running(4, INTERRUPTIBLE), scene.running(4, INTERRUPTIBLE)]
    scene.made.append(scene.create(8))


def stops(scene: Scene) -> None:
    scene.made = [scene.running(4)]
    stop_vm(scene.services, scene.caller, scene.made[0].id, ACCOUNT)


def starts_again(scene: Scene) -> None:
    stops(scene)
    scene.engine.settle()
    start_vm(scene.services, scene.caller, scene.made[0].id, ACCOUNT)


def destroys(scene: Scene) -> None:
    scene.made = [scene.running(4, RESERVED)]
    destroy_vm(scene.services, scene.caller, scene.made[0].id, ACCOUNT)


STORIES: dict[str, tuple[Story, list[str]]] = {
    "preempts": (preempts, ["interrupted", "interrupted", "running"]),
    "stops": (stops, ["stopped"]),
    "starts again": (starts_again, ["running"]),
    "destroys": (destroys, ["destroyed"]),
}


class Gate:
    """Faults occur only while this is open: in steps, not in the schedule."""

    def __init__(self, *, is_open: bool) -> None:
        self.open = is_open

    def lets_through(self, _parameters: dict[str, Any]) -> bool:
        return self.open

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        was_open, self.open = self.open, False
        yield
        self.open = was_open


def recover(scene: Scene, gate: Gate | None = None) -> None:
    """Advance the clock and run the schedule that restarts dead executions until nothing is left to do."""
    gate = gate or Gate(is_open=False)
    for _ in range(60):
        scene.engine.run()
        scene.world.clock.advance(20)
        with gate.closed():
            reconcile(scene.services)
            if not scene.engine.awake() and not scene.engine.executions and not unsettled(scene):
                return


def unsettled(scene: Scene) -> list[str]:
    return [vm.id for vm in scene.vms() if vm.unsettled_since is not None]


def ends_well(scene: Scene, expected: list[str]) -> None:
    assert [scene.status(vm) for vm in scene.made] == expected
    assert scene.audit() == []
    running = {scene.now(vm).server_owner for vm in scene.made if scene.status(vm) == "running"}
    now = scene.world.clock.now()
    servers = {
        item["pk"]["S"].removeprefix("VMRUN#")
        for item in scene.world.db.dump()[SERVERS]
        if item["sk"]["S"] == "SERVER" and int(item.get("gone_at", {"N": "9" * 12})["N"]) > now
    }
    assert servers == running
    assert all(scene.now(vm).unsettled_since is None for vm in scene.made)


@pytest.mark.parametrize("twice", [False, True], ids=["once", "every step twice"])
@pytest.mark.parametrize("story", STORIES)
def test_every_step_may_run_twice(story: str, twice: bool) -> None:  # noqa: FBT001
    scene = Scene(count=1, twice=twice)
    tell, expected = STORIES[story]
    tell(scene)
    scene.engine.settle()
    ends_well(scene, expected)


@pytest.mark.parametrize("story", STORIES)
def test_an_execution_may_die_after_any_state(story: str) -> None:
    tell, expected = STORIES[story]
    told = Scene(count=1)
    tell(told)
    for survived in range(STATES_MAX):
        scene = told.twin()
        died = False
        for _ in range(survived):
            while not scene.engine.awake() and scene.engine.executions:
                scene.world.clock.advance(1)
            if awake := scene.engine.awake():
                scene.engine.step(awake[0])
        if awake := scene.engine.awake() or list(scene.engine.executions):
            scene.engine.kill(awake[0])
            died = True
        recover(scene)
        ends_well(scene, expected)
        if not died:
            return
    pytest.fail("the story has more states than are looked at")


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_any_call_of_a_step_may_fail(story: str, fault: str) -> None:
    """The step is retried, as the state machine does: a fault never shows in a status."""
    tell, expected = STORIES[story]
    told = Scene(count=1)
    tell(told)
    for number in range(150):
        scene = told.twin()
        hook = scene.world.db.before if fault == "before" else scene.world.db.after
        gate = Gate(is_open=True)
        fault_of = unreachable() if fault == "before" else timeout_after()
        failing = hook("*", fault_of, skip=number, times=1, only=gate.lets_through)
        recover(scene, gate)
        gate.open = False
        ends_well(scene, expected)
        if not failing.fired:
            return
    pytest.fail("the story makes more calls than are looked at")


def test_a_workflow_that_could_not_be_started_is_started_by_reconcile() -> None:
    scene = Scene()
    scene.world.workflows.down = True
    vm = scene.create(2)
    scene.world.workflows.down = False
    assert scene.engine.awake() == []
    scene.world.clock.advance(61)
    assert reconcile(scene.services).restarted == 1
    scene.engine.settle()
    assert scene.status(vm) == "running"


def test_a_start_that_takes_too_long_is_reported() -> None:
    scene = Scene()
    vm = scene.create(1)
    assert vm.deadline is not None
    with contextlib.suppress(KeyError):
        scene.engine.kill(next(iter(scene.world.workflows.executions)))
    limits = scene.services.limits
    scene.world.clock.advance(vm.deadline - scene.world.clock.now() + limits.teardown_seconds_max + 61)
    assert reconcile(scene.services).overdue == 1


def test_a_status_change_that_is_not_in_the_table_cannot_be_written() -> None:
    scene = Scene()
    vm = scene.running()
    with pytest.raises(ValueError, match="never from running to creating"):
        scene.services.vms.update([(vm, replace(vm, status=VmStatus.CREATING))])

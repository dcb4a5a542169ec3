"""The ways that the workflows of VMs can go, each ready to run, with every step taken when undisturbed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import pytest

from gpu_capacity.vms.record import VmStatus
from testkit.vms.scene import INTERRUPTIBLE, RESERVED
from tests.workflow.vm_stage import VmStage

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.mark.structures import ParameterSet

    Step: TypeAlias = tuple[str, int]

DEAD, FAILED, INTERRUPTED, RUNNING, STOPPED = (
    VmStatus.DESTROYED,
    VmStatus.FAILED,
    VmStatus.INTERRUPTED,
    VmStatus.RUNNING,
    VmStatus.STOPPED,
)


@dataclass(frozen=True)
class Scenario:
    """``make`` makes a stage whose executions have ended or are before their first step.

    ``steps`` are the called ones, each with the number of its calls until then; ``ends_as`` are the statuses
    of the stage's VMs, ``undone_as`` those after a start that was given up. The last VM is the one that the
    scenario is about.
    """

    make: Callable[[], VmStage]
    steps: tuple[Step, ...]
    ends_as: tuple[VmStatus, ...]
    undone_as: tuple[VmStatus, ...] = ()

    def prepare(self) -> VmStage:
        """Return such a stage; it is made once a process."""
        return _made(self.make).twin()


@cache
def _made(make: Callable[[], VmStage]) -> VmStage:
    return make()


def start() -> VmStage:
    stage = VmStage()
    stage.rent(4)
    return stage


def undo() -> VmStage:
    """The server fails, so everything is undone."""
    stage = VmStage(failing_hosts=frozenset({"host-vm01"}))
    stage.rent(4)
    return stage


def preempt() -> VmStage:
    """Two VMs are interrupted for the preemptor."""
    stage = VmStage()
    for _ in range(2):
        stage.rent_and_run(4, INTERRUPTIBLE)
    stage.engine.forget_calls()
    stage.rent(8)
    return stage


def stop() -> VmStage:
    stage = VmStage()
    vm = stage.rent_and_run(4)
    stage.engine.forget_calls()
    stage.stop(vm)
    return stage


def stop_reserved() -> VmStage:
    """It keeps its GPUs."""
    stage = VmStage()
    vm = stage.rent_and_run(8, RESERVED)
    stage.engine.forget_calls()
    stage.stop(vm)
    return stage


def start_again() -> VmStage:
    """The second run of a VM that was stopped."""
    stage = stop()
    stage.engine.settle()
    stage.engine.forget_calls()
    stage.start(stage.made[0])
    return stage


def destroy() -> VmStage:
    stage = VmStage()
    vm = stage.rent_and_run(8, RESERVED)
    stage.engine.forget_calls()
    stage.destroy(vm)
    return stage


def give_back() -> VmStage:
    """The preemptor is destroyed, so that its victim starts again."""
    stage = VmStage()
    stage.rent_and_run(8, INTERRUPTIBLE)
    new_vm = stage.rent_and_run(4)
    stage.engine.settle()
    stage.engine.forget_calls()
    stage.destroy(new_vm)
    return stage


def _times(step: str, last: int, first: int = 1) -> tuple[Step, ...]:
    return tuple((step, number) for number in range(first, last + 1))


_UP: tuple[Step, ...] = (
    ("begin_vm_start", 1),
    ("start_vm_server", 1),
    *_times("complete_vm_start", 3),
)
_LEAVE: tuple[Step, ...] = (
    *_times("sweep_vm_server", 2),
    ("settle_vm_stop", 1),
    ("restart_vms_beside", 1),
)

SCENARIOS = {
    "start": Scenario(start, _UP, (RUNNING,), (FAILED,)),
    "undo": Scenario(
        undo,
        (
            *_UP,
            ("abandon_vm_start", 1),
            *_times("sweep_vm_server", 2),
            ("fail_vm_start", 1),
            ("restart_vms_beside", 1),
        ),
        (FAILED,),
        (FAILED,),
    ),
    "preempt": Scenario(
        preempt,
        (
            *_times("begin_vm_start", 2),
            ("start_vm_server", 1),
            *_times("sweep_vm_server", 2),
            ("start_vm_server", 2),
            ("complete_vm_start", 1),
            ("sweep_vm_server", 3),
            ("settle_vm_stop", 1),
            ("restart_vms_beside", 1),
            ("sweep_vm_server", 4),
            ("settle_vm_stop", 2),
            ("restart_vms_beside", 2),
            *_times("complete_vm_start", 3, first=2),
        ),
        (INTERRUPTED, INTERRUPTED, RUNNING),
        (RUNNING, RUNNING, FAILED),
    ),
    "stop": Scenario(stop, _LEAVE, (STOPPED,)),
    "stop reserved": Scenario(stop_reserved, _LEAVE, (STOPPED,)),
    "start again": Scenario(start_again, _UP, (RUNNING,), (FAILED,)),
    "destroy": Scenario(destroy, _LEAVE, (DEAD,)),
    "give back": Scenario(give_back, (*_LEAVE, *_UP), (RUNNING, DEAD), (FAILED, DEAD)),
}

EVERY_SCENARIO = [pytest.param(scenario, id=name) for name, scenario in SCENARIOS.items()]


def _steps(wanted: Callable[[str, str], bool]) -> list[ParameterSet]:
    return [
        pytest.param(scenario, step, id=f"{name}-{step[0]}-{step[1]}")
        for name, scenario in SCENARIOS.items()
        for step in scenario.steps
        if wanted(name, step[0])
    ]


# If one of these fails, a start undoes what was done.
_DISPENSABLE = ("start_vm_server", "complete_vm_start")
# If this fails, a machine still ends well; the schedule does what it would have done.
_OPTIONAL = "restart_vms_beside"
# If this fails, the new VM has no room for its server until it is too late: not the same end.
_OF_OTHERS = ("preempt", "sweep_vm_server")

EVERY_STEP = _steps(lambda _, __: True)
DISPENSABLE_STEPS = _steps(lambda _, step: step in _DISPENSABLE)
OPTIONAL_STEPS = _steps(lambda _, step: step == _OPTIONAL)
INDISPENSABLE_STEPS = _steps(
    lambda name, step: step not in (*_DISPENSABLE, _OPTIONAL) and (name, step) != _OF_OTHERS
)
STEPS_OF_STARTS = _steps(lambda name, _: name in ("start", "undo", "preempt", "start again"))

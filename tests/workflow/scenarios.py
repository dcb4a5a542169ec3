"""The three ways a workflow can go, each ready to run, with every step that it takes when undisturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pytest

from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
from gpu_capacity.reservations.record import Status
from testkit.workflow.stage import Stage
from testkit.world import World, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.mark.structures import ParameterSet

    Step: TypeAlias = tuple[str, int]

BROKEN_HOST = "pod1-rack01-tray01"


@dataclass(frozen=True)
class Scenario:
    """``prepare`` gives a stage whose next execution is before its first step, and its reservation.

    ``steps`` are the called ones, each with the number of its calls until then.
    """

    prepare: Callable[[], tuple[Stage, str]]
    steps: tuple[Step, ...]
    ends_as: Status | None

    @property
    def execution(self) -> str:
        return "deprovision" if self.ends_as is None else "provision"


def provision() -> tuple[Stage, str]:
    stage = Stage()
    return stage, stage.reserve()


def undo() -> tuple[Stage, str]:
    """One of the four servers fails, so everything is undone."""
    # The reservation fills the pod, so it gets the broken host wherever it is placed.
    behaviour = SimulatedBehaviour(ready_seconds=20, delete_seconds=3, failing_hosts=frozenset({BROKEN_HOST}))
    stage = Stage(World(pods=(pod("pod1", 2),), behaviour=behaviour, trusting=True))
    return stage, stage.reserve()


def deprovision() -> tuple[Stage, str]:
    stage = Stage(
        World(pods=(pod("pod1", 4),), behaviour=SimulatedBehaviour(delete_seconds=3), trusting=True)
    )
    reservation = stage.reserve()
    stage.run_all()
    stage.forget_calls()
    stage.delete(reservation)
    return stage, reservation


_PIN: tuple[Step, ...] = (
    ("begin_provisioning", 1),
    ("pin_unit_servers", 1),
    ("pin_unit_servers", 2),
    *(("check_servers", number) for number in range(1, 6)),
)
_DELETE: tuple[Step, ...] = (
    ("delete_unit_servers", 1),
    ("delete_unit_servers", 2),
    ("sweep_servers", 1),
    ("sweep_servers", 2),
)

SCENARIOS = {
    "provision": Scenario(provision, (*_PIN, ("complete_provisioning", 1)), Status.PROVISIONED),
    "undo": Scenario(
        undo, (*_PIN, ("abandon_provisioning", 1), *_DELETE, ("fail_provisioning", 1)), Status.ERROR
    ),
    "deprovision": Scenario(
        deprovision, (("begin_deprovisioning", 1), *_DELETE, ("complete_deprovisioning", 1)), None
    ),
}

EVERY_SCENARIO = [pytest.param(scenario, id=name) for name, scenario in SCENARIOS.items()]


def _steps(wanted: Callable[[str, str], bool]) -> list[ParameterSet]:
    return [
        pytest.param(scenario, step, id=f"{name}-{step[0]}-{step[1]}")
        for name, scenario in SCENARIOS.items()
        for step in scenario.steps
        if wanted(name, step[0])
    ]


# If one of these fails, the machine undoes what was done. If another one fails, it ends unfinished.
_DISPENSABLE = ("pin_unit_servers", "check_servers")

EVERY_STEP = _steps(lambda _, __: True)
DISPENSABLE_STEPS = _steps(lambda _, step: step in _DISPENSABLE)
INDISPENSABLE_STEPS = _steps(lambda _, step: step not in _DISPENSABLE)
STEPS_OF_PROVISIONING = _steps(lambda name, _: name != "deprovision")

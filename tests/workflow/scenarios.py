"""The ways a workflow can go, each ready to run, with every step that it takes when undisturbed."""

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
    """One of the four hosts is unfit, so everything is undone."""
    # The reservation fills the pod, so it gets the broken host wherever it is placed.
    behaviour = SimulatedBehaviour(ready_seconds=20, delete_seconds=3, failing_hosts=frozenset({BROKEN_HOST}))
    stage = Stage(World(pods=(pod("pod1", 2),), behaviour=behaviour, trusting=True))
    return stage, stage.reserve()


def move() -> tuple[Stage, str]:
    """One of the four hosts is unfit, and the pod has room for another run."""
    first = Stage()
    (position, _) = first.made[first.reserve()].positions
    failing = frozenset({f"pod1-rack{position:02}-tray01"})
    behaviour = SimulatedBehaviour(ready_seconds=20, delete_seconds=3, failing_hosts=failing)
    stage = Stage(World(pods=(pod("pod1", 4),), behaviour=behaviour, trusting=True))
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


def _calls(step: str, count: int) -> tuple[Step, ...]:
    return tuple((step, number) for number in range(1, count + 1))


SCENARIOS = {
    "provision": Scenario(provision, _calls("provision_reservation", 2), Status.PROVISIONED),
    "move": Scenario(move, _calls("provision_reservation", 5), Status.PROVISIONED),
    "undo": Scenario(undo, _calls("provision_reservation", 4), Status.ERROR),
    "deprovision": Scenario(deprovision, _calls("release_reservation", 2), None),
}

EVERY_SCENARIO = [pytest.param(scenario, id=name) for name, scenario in SCENARIOS.items()]


def _steps(wanted: Callable[[str, str], bool]) -> list[ParameterSet]:
    return [
        pytest.param(scenario, step, id=f"{name}-{step[0]}-{step[1]}")
        for name, scenario in SCENARIOS.items()
        for step in scenario.steps
        if wanted(name, step[0])
    ]


EVERY_STEP = _steps(lambda _, __: True)
STEPS_OF_PROVISIONING = _steps(lambda name, _: name != "deprovision")

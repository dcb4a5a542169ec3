"""Runs the two state machines as they are written, one state at a time.

An interpreter of the few kinds of states they have. Tasks call the same functions as the Lambda handlers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_capacity.services import vm_lifecycle as steps
from gpu_capacity.services.vm_schedule import restart_vms_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.world import World

ROOT = Path(__file__).parents[3]
DEFINITIONS: dict[str, dict[str, Any]] = {
    name: json.loads((ROOT / "statemachines" / f"{name}.asl.json").read_text())
    for name in ("start_vm", "stop_vm")
}
TASKS: dict[str, Callable[..., Any]] = {
    "BeginVmStart": steps.begin_vm_start,
    "StartVmServer": steps.start_vm_server,
    "CompleteVmStart": steps.complete_vm_start,
    "AbandonVmStart": steps.abandon_vm_start,
    "SweepVmServer": steps.sweep_vm_server,
    "FailVmStart": steps.fail_vm_start,
    "SettleVmStop": steps.settle_vm_stop,
    "RestartVmsBeside": lambda *a: {"restarted": restart_vms_beside(*a)},
}
POLL_SECONDS = 5
STEPS_MAX = 2000


@dataclass
class Execution:
    """Where an execution stands; ``wakes_at`` while it waits."""

    machine: str
    organization: str
    vm: str
    state: str = ""
    outcome: str = ""
    message: str = ""
    seconds: int = 0
    wakes_at: int | None = None
    visited: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.state or DEFINITIONS[self.machine]["StartAt"]

    @property
    def definition(self) -> dict[str, Any]:
        state: dict[str, Any] = DEFINITIONS[self.machine]["States"][self.state]
        return state


class Engine:
    """All executions that a world's use cases have started. ``twice`` runs every task a second time."""

    def __init__(self, world: World, *, twice: bool = False) -> None:
        self.world = world
        self.twice = twice
        self.executions: dict[str, Execution] = {}
        self.ended: dict[str, Execution] = {}
        self.steps = 0

    def awake(self) -> list[str]:
        """Executions that can go on now."""
        self._pick_up()
        now = self.world.clock.now()
        return [n for n, e in self.executions.items() if e.wakes_at is None or e.wakes_at <= now]

    def step(self, name: str) -> None:
        """One state of an execution."""
        self.steps += 1
        assert self.steps < STEPS_MAX, f"executions spin: {sorted(self.executions)}"
        execution = self.executions[name]
        execution.wakes_at = None
        execution.visited.append(execution.state)
        state = execution.definition
        match state["Type"]:
            case "Pass":
                execution.state = state["Next"]
            case "Task":
                self._task(execution, state)
            case "Choice":
                execution.state = _chosen(state, execution.outcome)
            case "Wait":
                seconds = (
                    POLL_SECONDS
                    if "$seconds" not in state["Seconds"]
                    else max(execution.seconds, POLL_SECONDS)
                )
                execution.wakes_at = self.world.clock.now() + seconds
                execution.state = state["Next"]
            case "Succeed" | "Fail":
                self.world.workflows.end(name)
                self.ended[name] = self.executions.pop(name)

    def run(self) -> None:
        """Until every execution waits."""
        while awake := self.awake():
            self.step(awake[0])

    def settle(self) -> None:
        """Until every execution has ended, moving the clock as far as that takes."""
        self.run()
        while self.executions:
            wakes = min(e.wakes_at or 0 for e in self.executions.values())
            self.world.clock.advance(max(wakes - self.world.clock.now(), 0))
            self.run()

    def kill(self, name: str) -> None:
        """The execution dies where it stands."""
        self._pick_up()
        del self.executions[name]
        self.world.workflows.end(name)

    def _task(self, execution: Execution, state: dict[str, Any]) -> None:
        name = re.fullmatch(r"\$\{(\w+)FunctionArn\}", state["Resource"])
        assert name is not None
        arguments: list[Any] = [execution.organization, execution.vm]
        if "message" in state["Arguments"]:
            arguments.append(execution.message)
        for _ in range(2 if self.twice else 1):
            result = TASKS[name[1]](self.world.services, *arguments)
        if "Assign" in state:
            execution.outcome = result["outcome"]
            execution.message = result["message"]
            execution.seconds = result["seconds"]
        execution.state = state["Next"]

    def _pick_up(self) -> None:
        for name, payload in self.world.workflows.executions.items():
            if name not in self.executions and name not in self.ended:
                if self.world.workflows.states[name].value != "running":
                    continue
                machine, organization, vm = (str(payload[k]) for k in ("machine", "organization", "vm"))
                self.executions[name] = Execution(machine, organization, vm)


def _chosen(state: dict[str, Any], outcome: str) -> str:
    for option in state["Choices"]:
        if option["Condition"] == f"{{% $outcome = '{outcome}' %}}":
            return str(option["Next"])
    return str(state["Default"])

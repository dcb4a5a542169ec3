"""Runs the deployed state machines of VMs point by point, with the steps of the real handlers.

A waiting execution stops until the clock has been moved far enough, so that a test decides when time passes
and when requests, schedules and other executions run.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from gpu_capacity.errors import CapacityError
from testkit.state_machine import Execution, TaskError
from testkit.workflow.definitions import definition, run_step
from testkit.workflow.faults import Disturbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.world import World

POINTS_MAX = 2000


class Engine(Disturbed):
    """All executions that the use cases of a world have started.

    Args:
        world: its services run the steps.
        twice: whether every step is delivered twice.
    """

    def __init__(self, world: World, *, twice: bool = False) -> None:
        super().__init__()
        self.world = world
        self.twice = twice
        self.executions: dict[str, Execution] = {}
        self.ended: dict[str, Execution] = {}
        self.points = 0
        self._at_work: set[str] = set()
        self.watch: Callable[[], None] = lambda: None
        """Called before and after each step."""

    def twin(self, world: World) -> Engine:
        """Return an engine for a twin of the world; executions that have not ended begin anew in it."""
        twin = copy(self)
        twin.world, twin.executions, twin.ended, twin._at_work = world, {}, dict(self.ended), set()
        twin.calls, twin._counts, twin._disturbed = (
            list(self.calls),
            self._counts.copy(),
            list(self._disturbed),
        )
        twin.watch = lambda: None
        return twin

    def awake(self) -> list[str]:
        """Return the executions that can continue now, in the order in which they were started."""
        now = self.world.clock.now()
        return [n for n, e in self._standing().items() if e.wakes_at is None or e.wakes_at <= now]

    def _standing(self) -> dict[str, Execution]:
        """Return all executions except the running one: rivals run in the middle of its step."""
        self._pick_up()
        return {n: e for n, e in self.executions.items() if n not in self._at_work}

    def step(self, name: str) -> None:
        """Advance one execution to its next point: before a task, or into a wait."""
        self.points += 1
        assert self.points < POINTS_MAX, f"executions spin: {sorted(self.executions)}"
        execution = self.executions[name]
        self._at_work.add(name)
        try:
            execution.advance()
        finally:
            self._at_work.discard(name)
        if not execution.runs and name in self.executions:
            self._end(name)

    def run(self) -> None:
        """Run until every execution waits."""
        while awake := self.awake():
            self.step(awake[0])

    def go_on(self, *, newest_first: bool = False) -> bool:
        """Advance one execution, and the clock as far as needed; false if none runs."""
        standing = self._standing()
        if not standing:
            return False
        if not self.awake():
            wakes = min(execution.wakes_at or 0 for execution in standing.values())
            self.world.clock.advance(wakes - self.world.clock.now())
        self.step(self.awake()[-1 if newest_first else 0])
        return True

    def settle(self, *, newest_first: bool = False) -> None:
        """Run until every execution has ended, and advance the clock as far as needed."""
        while self.go_on(newest_first=newest_first):
            pass

    def kill(self, name: str) -> None:
        """End the execution at its current point."""
        self._pick_up()
        self.executions[name].stop()
        self._end(name)

    def invoke(self, function: str, payload: dict[str, Any]) -> Any:
        """Run the step of a task, with its planned faults."""
        self.watch()

        def run() -> Any:
            if self.twice:
                run_step(function, self.world.services, payload)
            return run_step(function, self.world.services, payload)

        try:
            return self.call(payload, run)
        except CapacityError as error:
            raise TaskError(type(error).__name__, str(error)) from error
        finally:
            self.watch()

    def _end(self, name: str) -> None:
        self.ended[name] = self.executions.pop(name)
        self.world.workflows.end(name)

    def _pick_up(self) -> None:
        for name, payload in self.world.workflows.executions.items():
            if name in self.executions or name in self.ended:
                continue
            given = {key: value for key, value in payload.items() if key != "machine"}
            machine = definition(str(payload["machine"]))
            execution = Execution(machine, given, self.invoke, self.world.clock, wait=None)
            execution.advance()
            self.executions[name] = execution

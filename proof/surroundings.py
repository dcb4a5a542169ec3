"""The ports of the product as a platform with faults has them: clock, workflows, events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity.errors import CapacityError, WorkflowUnavailable
from gpu_capacity.ports import WorkflowState
from proof.faults import Killed, Kind, Work
from testkit.state_machine import Execution, TaskError
from testkit.workflow.definitions import MACHINES, definition, run_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from proof.faults import FaultSource
    from proof.turns import Turns
    from testkit.doubles import FakeClock

_CALLS: Final = (
    Kind.THROTTLED,
    Kind.ERROR_500,
    Kind.TIMEOUT_BEFORE,
    Kind.TIMEOUT_AFTER,
    Kind.RESET,
    Kind.KILLED,
)


class Platform(Protocol):
    """What these ports need of their run; ``Cloud`` provides it."""

    clock: FakeClock
    draw: Random
    executions: Executions
    held: set[tuple[str, str]]
    boots: dict[tuple[str, str], int]
    repeats_ms: int
    troubles: dict[str, tuple[str, int]]
    turns: Turns
    vm_hosts: dict[str, str]
    fault_source: FaultSource

    def note(self, operation: str, target: str, fault: str) -> None: ...

    def freed(self, zone: str) -> None: ...

    def invoke(self, group: str, work: Work, run: Callable[[Any], Any]) -> Any: ...

    def repeat_late(self, name: str, run: Callable[[], object], work: Work) -> None: ...


class SkewedClock:
    """A clock with a constant skew."""

    def __init__(self, clock: FakeClock, skew_ms: int) -> None:
        self._clock = clock
        self._skew_ms = skew_ms

    def now(self) -> int:
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._skew_ms

    def now_us(self) -> int:
        return self.now_ms() * 1000


class Silence:
    """Telemetry that is discarded."""

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        pass

    def audit(self, actor: str, action: str, target: str, outcome: str, **details: object) -> None:
        pass

    def info(self, message: str, **details: object) -> None:
        pass

    def warning(self, message: str, **details: object) -> None:
        pass


class _Faulty:
    """What the calls to other services have in common."""

    def __init__(self, cloud: Platform) -> None:
        self._turns = cloud.turns
        self._fault_source = cloud.fault_source
        self._note = cloud.note

    def _call(self, run: Callable[[], Any], target: str, *, effect: bool = True) -> tuple[Any, Kind | None]:
        """The result of the call, and the error that the caller gets instead."""
        self._turns.point()
        actor = self._turns.current
        work: Work | None = actor.operation if actor else None
        fault = self._fault_source.strike(_CALLS, work, effect=effect)
        self._note("call", target, fault.kind.value if fault else "")
        if fault is None:
            return run(), None
        self._fault_source.count(fault.kind, work)
        answer = run() if fault.after else None
        if fault.kind is Kind.SENT_TWICE:
            run()
            return run(), None
        if fault.kind is Kind.KILLED:
            raise Killed
        return answer, fault.kind


class Workflows(_Faulty):
    """Step Functions as an environment reaches it."""

    def __init__(self, cloud: Platform) -> None:
        super().__init__(cloud)
        self._executions = cloud.executions

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        return bool(
            self._answered(lambda: self._executions.start(machine, name, payload), f"start {machine}")
        )

    def state(self, machine: str, name: str) -> WorkflowState:
        answer: WorkflowState = self._answered(
            lambda: self._executions.state(name), f"state {machine}", effect=False
        )
        return answer

    def stop(self, machine: str, name: str, cause: str) -> None:
        self._answered(lambda: self._executions.stop(name), f"stop {machine}")

    def _answered(self, run: Callable[[], Any], target: str, *, effect: bool = True) -> Any:
        answer, kind = self._call(run, target, effect=effect)
        if self._executions.down:
            raise WorkflowUnavailable("down")
        if kind is not None:
            raise WorkflowUnavailable(kind.value)
        return answer


class Events(_Faulty):
    """Asynchronous invocations as an environment sends them. Never raises; a lost one is not retried."""

    def __init__(self, cloud: Platform) -> None:
        super().__init__(cloud)
        self._send = cloud.freed

    def freed(self, zone: str) -> None:
        actor = self._turns.current
        work: Work | None = actor.operation if actor else None
        if work is not None:
            work.woke(zone)
        self._call(lambda: self._send(zone), f"event {zone}")


class Executions:
    """Step Functions: runs the definitions, one actor per execution; with ``still`` none runs."""

    def __init__(self, cloud: Platform, *, still: bool = False) -> None:
        self._cloud = cloud
        self._still = still
        self.down = False
        self._runs: dict[str, Execution] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        """Start it, or find it running; false if the name was used and the execution is over."""
        if self.down:
            return False
        if name in self._runs:
            return self._runs[name].runs
        turns = self._cloud.turns
        execution = Execution(
            definition(machine if machine in MACHINES else "settle"),
            dict(payload),
            self._invoke,
            self._cloud.clock,
            lambda seconds: turns.sleep(seconds * 1000),
            name=name,
        )
        self._runs[name] = execution
        if not self._still:
            turns.spawn(name, execution.run, self._cloud.draw.randrange(400))
        return True

    def state(self, name: str) -> WorkflowState:
        """The state of an execution."""
        if name not in self._runs:
            return WorkflowState.ABSENT
        return WorkflowState.RUNNING if self._runs[name].runs else WorkflowState.ENDED

    def stop(self, name: str) -> None:
        """Stop an execution if it runs."""
        if name in self._runs:
            self._runs[name].stop()

    def running(self) -> int:
        """How many executions run."""
        return sum(execution.runs for execution in self._runs.values())

    def _invoke(self, function: str, payload: dict[str, Any]) -> Any:
        cloud = self._cloud
        step: str = payload["step"]
        work = Work(step)

        def run() -> Any:
            return cloud.invoke("task", work, lambda e: run_step(function, e.services, payload))

        if cloud.fault_source.chance(cloud.fault_source.share / 2):
            cloud.repeat_late(step, run, work)
        try:
            return run()
        except CapacityError as error:
            raise TaskError(type(error).__name__, str(error)) from error
        except Killed as error:
            raise TaskError("Lambda.Unknown", "killed") from error

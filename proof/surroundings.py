"""The ports of the product as a platform with faults has them: clock, provider, workflows, events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity.errors import CapacityError, ProviderUnavailable, WorkflowUnavailable
from gpu_capacity.ports import WorkflowState
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    HoldOutcome,
    HoldState,
    Page,
    ServerState,
)
from proof.faults import Fault, Killed, Kind, Work
from testkit.state_machine import Execution, TaskError
from testkit.workflow.definitions import MACHINES, definition, run_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from gpu_capacity.providers.port import Fitness, Hold, HostProvider, PowerAction, Server, ServerOrder
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
_PROVIDER: Final = (Kind.PARTLY_DONE,)
TROUBLE_SECONDS_MAX: Final = 400
"""Longer than the timeout of provisioning, so that some of it fails."""

_TROUBLES: Final = ("hangs", "fails", "stays")


class Platform(Protocol):
    """What these ports need of their run; ``Cloud`` provides it."""

    clock: FakeClock
    draw: Random
    executions: Executions
    held: set[tuple[str, str]]
    boots: set[tuple[str, str, int]]
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


class Troubled:
    """A provider with partial failures, and servers in trouble.

    A server in trouble ``hangs`` while it starts, ``fails``, or ``stays`` after a request to remove it.
    """

    def __init__(self, cloud: Platform) -> None:
        self._clock = cloud.clock
        self._turns = cloud.turns
        self._fault_source = cloud.fault_source
        self._troubles = cloud.troubles

    def _perhaps_stuck(self, where: str) -> None:
        if self._fault_source.chance(self._fault_source.share / 2):
            self._fault_source.count(Kind.STUCK)
            trouble = _TROUBLES[self._fault_source.draw.randrange(len(_TROUBLES))]
            seconds = self._fault_source.draw.randrange(10, TROUBLE_SECONDS_MAX)
            self._troubles[where] = (trouble, self._clock.now() + seconds)

    def _trouble(self, where: str) -> str:
        trouble, until = self._troubles.get(where, ("", 0))
        return trouble if self._clock.now() < until else ""

    def _perhaps_half_way(self) -> None:
        if fault := self._strike():
            self._fault_source.count(fault.kind, self._work())
            raise ProviderUnavailable("done, and the answer is lost")

    def _strike(self) -> Fault | None:
        return self._fault_source.strike(_PROVIDER, self._work())

    def _work(self) -> Work | None:
        actor = self._turns.current
        work: Work | None = actor.operation if actor else None
        return work


class Provider(Troubled):
    """The simulated region, with partial failures, and hosts and servers in trouble."""

    def __init__(self, region: HostProvider, cloud: Platform) -> None:
        super().__init__(cloud)
        self._region = region
        self._held = cloud.held
        self._boots = cloud.boots

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        outcomes: dict[str, HoldOutcome] = {}
        for host_id in host_ids:
            outcomes |= self._region.hold(holder_id, region_id, [host_id])
            if outcomes[host_id] is HoldOutcome.HELD and (holder_id, host_id) not in self._held:
                self._held.add((holder_id, host_id))
                self._perhaps_stuck(host_id)
            self._perhaps_half_way()
        return outcomes

    def fence(self, holder_id: str) -> None:
        self._region.fence(holder_id)
        self._perhaps_half_way()

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        going = [host_id for host_id in host_ids if self._trouble(host_id) != "stays"]
        if len(going) > 1 and (fault := self._strike()):
            self._region.release(holder_id, going[: len(going) // 2])
            self._fault_source.count(fault.kind, self._work())
            raise ProviderUnavailable("half of it is done")
        self._region.release(holder_id, going)

    def held(self, holder_id: str) -> Sequence[Hold]:
        return [self._seen(hold) for hold in self._region.held(holder_id)]

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        return [self._seen(hold) for hold in self._region.held_on(host_ids)]

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        page = self._region.every_hold(after)
        return Page(tuple(self._seen(hold) for hold in page.entries), page.after)

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        return self._region.fitness(host_ids)

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        outcomes: dict[str, DeployOutcome] = {}
        for order in orders:
            outcomes |= self._region.deploy([order])
            if outcomes[order.host_id] is DeployOutcome.DEPLOYED:
                self._booted(order.owner, order.host_id, order.generation)
            self._perhaps_half_way()
        return outcomes

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        for host_id in host_ids:
            if self._trouble(f"{owner} {host_id}") != "stays":
                self._region.undeploy(owner, [host_id])
            self._perhaps_half_way()

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        outcome = self._region.power(owner, host_id, action)
        self._perhaps_half_way()
        return outcome

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        outcome = self._region.rebuild(owner, host_id, image_id, generation)
        if outcome is ActionOutcome.ACCEPTED:
            self._booted(owner, host_id, generation)
        self._perhaps_half_way()
        return outcome

    def servers(self, owner: str) -> Sequence[Server]:
        return [self._seen_server(server) for server in self._region.servers(owner)]

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        return [self._seen_server(server) for server in self._region.servers_on(host_ids)]

    def every_server(self, after: str | None = None) -> Page[Server]:
        page = self._region.every_server(after)
        return Page(tuple(self._seen_server(server) for server in page.entries), page.after)

    def _booted(self, owner: str, host_id: str, generation: int) -> None:
        if (owner, host_id, generation) not in self._boots:
            self._boots.add((owner, host_id, generation))
            self._perhaps_stuck(f"{owner} {host_id}")

    def _seen_server(self, server: Server) -> Server:
        if server.state is ServerState.RUNNING:
            match self._trouble(f"{server.owner} {server.host_id}"):
                case "hangs":
                    return replace(server, state=ServerState.BUILDING)
                case "fails":
                    return replace(server, state=ServerState.FAILED, message="in trouble")
                case _:
                    pass
        return server

    def _seen(self, hold: Hold) -> Hold:
        if hold.state is HoldState.HELD:
            match self._trouble(hold.host_id):
                case "hangs":
                    return replace(hold, state=HoldState.PREPARING)
                case "fails":
                    return replace(hold, state=HoldState.UNFIT, message="in trouble")
                case _:
                    pass
        return hold


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

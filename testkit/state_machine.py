"""Interprets Amazon States Language in this process: the subset that this repository's definitions use.

An execution stops before every attempt of every task, so that a test can run a rival or another execution in
between. Nothing sleeps: waits and retries either advance the given clock, or are points at which the
execution stops until the caller has moved the clock.

Stricter than the service where that finds mistakes: an unknown field, an expression that yields undefined
(or null), a condition that is not a boolean, and an assignment to a variable of an outer scope raise
``DefinitionError`` in the test and cannot be caught by a state.
"""

from __future__ import annotations

import json
import re
from collections import ChainMap
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from jsonata import Jsonata

from testkit.state_machine_definition import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence

    from gpu_capacity.ports import Clock

Points: TypeAlias = "Generator[str, None, Any]"
"""Yields the name of a task before each of its attempts, and of a state that waits; returns an output."""

TRANSITIONS_MAX = 5_000
"""More mean an endless loop: the service itself ends a history of 25,000 events."""


class TaskError(Exception):
    """A task failed. ``error`` is the name that Retry and Catch match."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class _TimedOut(TaskError):
    """The execution has taken too long. No state can catch it."""


class _Aborted(Exception):
    """The execution was stopped while a task ran."""


class ExecutionStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass
class Execution:
    """One run of a definition.

    Args:
        definition: from ``parse``.
        payload: the input.
        invoke: runs a task: (resource, arguments) to its answer; raises ``TaskError`` if it failed.
        clock: read for timeouts.
        wait: lets that many seconds pass; with ``None`` each wait is a point, and ``wakes_at`` is its end.
        arrange: the order in which the items of a map are processed, by their indices.
        name: the name of the execution, which a definition may pass on.
    """

    definition: dict[str, Any]
    payload: dict[str, Any]
    invoke: Callable[[str, Any], Any]
    clock: Clock
    wait: Callable[[int], None] | None
    arrange: Callable[[Sequence[int]], Iterable[int]] = iter
    name: str = "an-execution"

    def __post_init__(self) -> None:
        self.status = ExecutionStatus.RUNNING
        self.output: Any = None
        self.error: str | None = None
        self.visited: list[str] = []
        self.wakes_at: int | None = None
        self._started = self.clock.now()
        self._points = self._whole()

    @property
    def runs(self) -> bool:
        return self.status is ExecutionStatus.RUNNING

    def advance(self) -> str | None:
        """Run to the next point, a task before its next attempt or a waiting state, and return its name.

        ``None`` if the execution has ended.
        """
        if self.runs:
            name = next(self._points, None)
            if self.runs:
                return name
        self._points.close()
        return None

    def run(self) -> ExecutionStatus:
        """Run to the end."""
        while self.advance() is not None:
            pass
        return self.status

    def stop(self) -> None:
        """Abort it. A running task completes, and nothing follows it."""
        if self.runs:
            self.status = ExecutionStatus.ABORTED

    def _whole(self) -> Generator[str, None, None]:
        try:
            output = yield from self._states(self.definition, self.payload, ChainMap())
        except _Aborted:
            return
        except TaskError as failure:
            self.error = failure.error
            timed_out = isinstance(failure, _TimedOut)
            self._end(ExecutionStatus.TIMED_OUT if timed_out else ExecutionStatus.FAILED)
        else:
            self.output = output
            self._end(ExecutionStatus.SUCCEEDED)

    def _end(self, status: ExecutionStatus) -> None:
        if self.runs:
            self.status = status

    def _states(self, level: dict[str, Any], payload: Any, variables: ChainMap[str, Any]) -> Points:
        """Run the states of a machine or of a map's processor from ``StartAt`` to the end."""
        name: str | None = level["StartAt"]
        while name is not None:
            if len(self.visited) >= TRANSITIONS_MAX:
                raise DefinitionError(f"does not end; last at {name}")
            if self.clock.now() - self._started >= self.definition["TimeoutSeconds"]:
                raise _TimedOut("States.Timeout", f"at {name}")
            self.visited.append(name)
            state = level["States"][name]
            try:
                payload, name = yield from self._state(name, state, payload, variables)
            except TaskError as failure:
                catcher = next((c for c in state.get("Catch", ()) if _matches(c, failure.error)), None)
                if catcher is None or isinstance(failure, _TimedOut):
                    raise
                caught = {"Error": failure.error, "Cause": failure.cause}
                payload = _leave(catcher, {"input": payload, "errorOutput": caught}, variables, caught)
                name = catcher["Next"]
        return payload

    def _state(
        self, name: str, state: dict[str, Any], payload: Any, variables: ChainMap[str, Any]
    ) -> Generator[str, None, tuple[Any, str | None]]:
        """Run one state; return its output, and the name of the next state or None."""
        scope = {"input": payload, "context": {"Execution": {"Name": self.name}}}
        match state["Type"]:
            case "Task":
                scope["result"] = yield from self._task(name, state, scope, variables)
            case "Map":
                scope["result"] = yield from self._map(state, scope, variables)
            case "Wait":
                yield from self._wait(name, _whole_number(_evaluate(state["Seconds"], scope, variables)))
            case "Choice":
                return payload, self._choose(state, scope, variables)
            case "Fail":
                raise TaskError(state["Error"], state["Cause"])
        default = scope.get("result", payload)
        return _leave(state, scope, variables, default), state.get("Next")

    def _task(
        self, name: str, state: dict[str, Any], scope: dict[str, Any], variables: ChainMap[str, Any]
    ) -> Points:
        arguments = _plain(_evaluate(state.get("Arguments", scope["input"]), scope, variables))
        retriers = [(retrier, _delays(retrier)) for retrier in state.get("Retry", ())]
        while True:
            yield name
            try:
                answer = _plain(self.invoke(state["Resource"], arguments))
            except TaskError as failure:
                self._go_on()
                delays = next((left for retrier, left in retriers if _matches(retrier, failure.error)), None)
                delay = next(delays, None) if delays is not None else None
                if delay is None:
                    raise
                yield from self._wait(name, delay)
            else:
                self._go_on()
                return answer

    def _wait(self, name: str, seconds: int) -> Generator[str, None, None]:
        if self.wait is not None:
            self.wait(seconds)
            return
        self.wakes_at = self.clock.now() + seconds
        yield name
        self.wakes_at = None

    def _go_on(self) -> None:
        if not self.runs:
            raise _Aborted

    def _map(self, state: dict[str, Any], scope: dict[str, Any], variables: ChainMap[str, Any]) -> Points:
        """Run one item after the other; a failed one ends the map, as in the service."""
        items = _evaluate(state["Items"], scope, variables)
        if not isinstance(items, list):
            raise DefinitionError(f"Items yields no array: {items!r}")
        _whole_number(_evaluate(state["MaxConcurrency"], scope, variables))
        results: list[Any] = [None] * len(items)
        for index in self.arrange(range(len(items))):
            context = {**scope["context"], "Map": {"Item": {"Index": index, "Value": items[index]}}}
            selected = _evaluate(state["ItemSelector"], {**scope, "context": context}, variables)
            results[index] = yield from self._states(state["ItemProcessor"], selected, variables.new_child())
        return results

    def _choose(self, state: dict[str, Any], scope: dict[str, Any], variables: ChainMap[str, Any]) -> str:
        for rule in state["Choices"]:
            holds = _evaluate(rule["Condition"], scope, variables)
            if not isinstance(holds, bool):
                raise DefinitionError(f"{rule['Condition']} yields no boolean: {holds!r}")
            if holds:
                return str(rule["Next"])
        if "Default" not in state:
            raise TaskError("States.NoChoiceMatched", state["Comment"])
        return str(state["Default"])


def _leave(
    state: dict[str, Any], scope: Mapping[str, Any], variables: ChainMap[str, Any], default: Any
) -> Any:
    """Assign the state's variables, all from the earlier values, and build its output."""
    assigned = {name: _evaluate(value, scope, variables) for name, value in state.get("Assign", {}).items()}
    output = _evaluate(state["Output"], scope, variables) if "Output" in state else default
    for name in assigned:
        if any(name in outer for outer in variables.maps[1:]):
            raise DefinitionError(f"{name} belongs to an outer scope")
    variables.update(assigned)
    return output


def _evaluate(template: Any, scope: Mapping[str, Any], variables: MutableMapping[str, Any]) -> Any:
    """Evaluate a field of a definition: every ``{% ... %}`` in it is computed."""
    if isinstance(template, dict):
        return {name: _evaluate(value, scope, variables) for name, value in template.items()}
    if isinstance(template, list):
        return [_evaluate(value, scope, variables) for value in template]
    if not isinstance(template, str) or not (template.startswith("{%") and template.endswith("%}")):
        return template
    text = template[2:-2].strip()
    if (plain := _looked_up(text, scope, variables)) is not None:
        return plain
    expression = _compiled(text)
    frame = expression.create_frame()
    frame.bind("states", _plain(scope))
    for name, value in variables.items():
        frame.bind(name, value)
    value = expression.evaluate(None, frame)
    if value is None:
        raise DefinitionError(f"{template} yields nothing")
    return _plain(value)


def _looked_up(text: str, scope: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Evaluate `$a.b.c` and `$a = 'text'`, which most expressions are, if the value is a plain scalar.

    ``None`` for everything else: JSONata itself evaluates lists, missing values and other expressions.
    """
    if (match := _PATH.fullmatch(text)) is None:
        return None
    root, *steps = match["path"].split(".")
    value: Any = scope if root == "states" else variables.get(root)
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    if match["text"] is not None:
        return value == match["text"] if isinstance(value, str) else None
    return value if isinstance(value, str | int) else None


_PATH = re.compile(r"\$(?P<path>[a-z_]+(\.[A-Za-z_]+)*)( = '(?P<text>[^'\\]*)')?")


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Jsonata:
    return Jsonata(expression)


def _plain(value: Any) -> Any:
    """Convert to JSON and back; raises for values that JSON does not have."""
    return json.loads(json.dumps(value))


def _delays(retrier: dict[str, Any]) -> Iterator[int]:
    """Yield the seconds before each further attempt, without jitter, which could only shorten them."""
    delay = retrier.get("IntervalSeconds", 1)
    for _ in range(retrier.get("MaxAttempts", 3)):
        yield int(min(delay, retrier.get("MaxDelaySeconds", delay)))
        delay *= retrier.get("BackoffRate", 2.0)


def _matches(rule: dict[str, Any], error: str) -> bool:
    return error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]


def _whole_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DefinitionError(f"not a whole number: {value!r}")
    return value

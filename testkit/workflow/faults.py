"""Faults of workflow steps: which step, when, how often, and how."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from testkit.state_machine import TaskError

if TYPE_CHECKING:
    from collections.abc import Callable

    Run: TypeAlias = Callable[[], Any]
    Disturbance: TypeAlias = Callable[[Run], Any]


@dataclass(frozen=True)
class Call:
    """One invocation of a workflow step."""

    step: str
    payload: dict[str, Any]


class Disturbed:
    """Base of classes that run steps: records their calls, and applies planned faults."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._counts: Counter[str] = Counter()
        self._disturbed: list[tuple[str, int, int | None, Disturbance]] = []

    def disturb(self, step: str, how: Disturbance, *, first: int = 1, times: int | None = 1) -> None:
        """Apply a fault to ``times`` calls of a step from the ``first`` on (from 1, retries included)."""
        last = None if times is None else first + times - 1
        self._disturbed.append((step, first, last, how))

    def forget_calls(self) -> None:
        """Restart the count of calls."""
        self.calls.clear()
        self._counts.clear()

    def heal(self) -> None:
        """Remove all faults."""
        self._disturbed.clear()

    def call(self, payload: dict[str, Any], run: Run) -> Any:
        """Run the step that the payload names, with its planned faults."""
        step = payload["step"]
        self._counts[step] += 1
        self.calls.append(Call(step, payload))
        number = self._counts[step]
        for name, first, last, how in self._disturbed:
            if name == step and first <= number and (last is None or number <= last):
                return how(run)
        return run()


def numbered(calls: list[Call]) -> tuple[tuple[str, int], ...]:
    """The steps of the calls, each with the number of its call, from 1."""
    steps = [call.step for call in calls]
    return tuple((step, steps[: place + 1].count(step)) for place, step in enumerate(steps))


def fails(_run: Run) -> Any:
    """Fail before the step runs."""
    raise TaskError("Lambda.Unknown", "killed before it began")


def dies_after(run: Run) -> Any:
    """Run the step and lose the answer."""
    run()
    raise TaskError("Sandbox.Timedout", "killed before it answered")


def runs_twice(run: Run) -> Any:
    """Run the step twice; return the second answer."""
    run()
    return run()


def answers_first_of_two(run: Run) -> Any:
    """Run the step twice; return the first answer."""
    answer = run()
    run()
    return answer

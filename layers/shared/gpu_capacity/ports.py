"""What the use cases need from outside. Each port has two implementations that pass one contract suite."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Clock(Protocol):
    """Wall-clock time."""

    def now(self) -> int:
        """Whole seconds since the epoch, UTC."""

    def now_ms(self) -> int:
        """Whole milliseconds since the epoch, UTC."""

    def now_us(self) -> int:
        """Whole microseconds since the epoch, UTC."""


class Pause(Protocol):
    """Waiting between attempts."""

    def __call__(self, attempt: int) -> None:
        """Wait a jittered while that grows with ``attempt`` (from 0)."""


class Background(Protocol):
    """Doing one thing beside another."""

    def __call__(self, work: Callable[[], Value]) -> Callable[[], Value]:
        """Begin work that changes nothing, beside other work. Calling the answer waits for the result.

        What the work raises is raised here or there.
        """


class Ids(Protocol):
    """Source of identifiers."""

    def random_bytes(self) -> bytes:
        """16 unpredictable bytes."""


class Telemetry(Protocol):
    """Logs, metrics and the audit trail."""

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        """Add to a metric. Dimensions must be few and of few values."""

    def audit(self, actor: str, action: str, target: str, outcome: str, **details: object) -> None:
        """One line for one write: who did what to which thing, and how it ended."""

    def info(self, message: str, **details: object) -> None:
        """A fact an operator may want to read. Never a token, a body or a secret."""

    def warning(self, message: str, **details: object) -> None:
        """Something that repaired itself, or will be repaired by a schedule."""


class FleetFeed(Protocol):
    """Where the fleet manager publishes its document."""

    def read(self) -> bytes:
        """The document as it stands now.

        Raises:
            FeedRefused: ``unreachable`` or ``too_large``.
        """


class WorkflowState(StrEnum):
    """What became of an execution."""

    ABSENT = "absent"
    RUNNING = "running"
    ENDED = "ended"


class Workflows(Protocol):
    """Starts, stops and watches the state machines. All methods raise ``WorkflowUnavailable``."""

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        """Start ``machine`` under ``name``; false when that name was used before."""

    def state(self, machine: str, name: str) -> WorkflowState:
        """What became of the execution of that name."""

    def stop(self, machine: str, name: str, cause: str) -> None:
        """Stop the execution if it runs; it is no error if it does not."""


class CapacityEvents(Protocol):
    """Tells that capacity may have appeared, so that whoever waits for it is served soon.

    Only a hint: what is lost here is found by the schedule.
    """

    def freed(self, zone: str) -> None:
        """Hosts of a zone were given back or arrived. Never raises."""

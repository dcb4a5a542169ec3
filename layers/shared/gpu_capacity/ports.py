"""The ports: what use cases need from outside. Each has two implementations that pass one contract suite."""

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
    """Waits between attempts."""

    def __call__(self, attempt: int) -> None:
        """Wait for a random time whose bound grows with ``attempt`` (from 0)."""


class Background(Protocol):
    """Runs work while its caller goes on."""

    def __call__(self, work: Callable[[], Value]) -> Callable[[], Value]:
        """Start ``work``, which must not change anything, and return a function that waits for its result.

        An exception of the work is raised either here or by that function.
        """


class Ids(Protocol):
    """Source of random bytes for identifiers."""

    def random_bytes(self) -> bytes:
        """16 unpredictable bytes."""


class Telemetry(Protocol):
    """Logs, metrics and the audit log."""

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        """Add ``value`` to a metric. Use few dimensions, each with few values."""

    def audit(self, actor: str, action: str, target: str, outcome: str, **details: object) -> None:
        """Write one line to the audit log for one write: who did what to which resource, and the outcome."""

    def info(self, message: str, **details: object) -> None:
        """Log a fact for operators. Never log a token, a body or a secret."""

    def warning(self, message: str, **details: object) -> None:
        """Log a problem that was repaired, or that a schedule will repair."""


class FleetFeed(Protocol):
    """Reads the document that the fleet manager publishes."""

    def read(self) -> bytes:
        """The current document.

        Raises:
            FeedRefused: ``unreachable`` or ``too_large``.
        """


class WorkflowState(StrEnum):
    """The state of a workflow execution."""

    ABSENT = "absent"
    RUNNING = "running"
    ENDED = "ended"


class Workflows(Protocol):
    """Starts, stops and describes workflow executions. All methods raise ``WorkflowUnavailable``."""

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        """Start an execution of ``machine`` under ``name``. Returns false if that name was used before."""

    def state(self, machine: str, name: str) -> WorkflowState:
        """The state of the execution of that name."""

    def stop(self, machine: str, name: str, cause: str) -> None:
        """Stop the execution if it is running. Does nothing if it is not."""


class CapacityEvents(Protocol):
    """Announces that capacity may have become free, so that waiting capacity claims are filled soon.

    An event is only a hint. If it is lost, the filler's schedule finds the capacity.
    """

    def freed(self, zone: str) -> None:
        """Announce that hosts of a zone were released or added. Never raises."""

"""The ports: what use cases need from outside. Each has two implementations that pass one contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as a list of machines has it, for the fleet document.

    ``state`` is one of those that a fleet document reports. ``retired``: it takes no new holder. ``enrolled``
    sorts machines by age. ``facts`` is what the list says of its place, by the names in
    ``inventory/fleet/assembly.py``; nothing of it was checked. ``problem`` says why it cannot be used, if so.
    """

    host_id: str
    resource_class: str | None
    state: str
    retired: bool
    enrolled: int
    facts: Mapping[str, Any]
    problem: str = ""


class MachineList(Protocol):
    """Lists the machines of the fleet, for a fleet document that nobody publishes."""

    def machines(self) -> Sequence[Machine]:
        """Every machine.

        Raises:
            FeedRefused: ``unreachable``: not all of them could be listed.
        """


class Places(Protocol):
    """Knows where machines stand, beside the list of machines."""

    def facts(self, host_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """What is known of these machines, as in ``Machine.facts``; nothing of unknown machines.

        Raises:
            FeedRefused: ``unreachable``.
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


class Audits(Protocol):
    """Runs the consistency check in the background."""

    def start(self, run_id: str) -> None:
        """Ask for a run that is recorded already. It may begin late, more than once, or never.

        Raises:
            AuditNotStarted: it was perhaps not asked for.
        """

    def repair(self, run_id: str) -> None:
        """The same, for a run that may repair what it finds.

        Raises:
            AuditNotStarted: it was perhaps not asked for.
        """


class EventBus(Protocol):
    """Tells others what happened to holders."""

    def put(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Send CloudEvents, in their order.

        Raises:
            BusUnavailable: some were perhaps not taken. Send all of them again.
        """


@dataclass(frozen=True, slots=True)
class Letter:
    """What failed for good, as its queue has it.

    ``sent_at`` is in seconds since the epoch. ``attributes`` is what the sender noted, by its own names, and
    ``body`` the event that failed.
    """

    id: str
    sent_at: int
    attributes: Mapping[str, str]
    body: str


class KeptLetters(Protocol):
    """Shows the letters that are kept. Both methods raise ``BusUnavailable``, and change nothing."""

    def count(self) -> int:
        """About how many there are."""

    def peek(self) -> Sequence[Letter]:
        """Some of them, the oldest first."""


class DeadLetters(Protocol):
    """Keeps what cannot be handled, until somebody looks at it."""

    def keep(self, letter: Mapping[str, Any]) -> None:
        """Keep a letter, as JSON.

        Raises:
            BusUnavailable: it was perhaps not kept.
        """

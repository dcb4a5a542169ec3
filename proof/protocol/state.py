"""The state of the model: one pod, one record, the processes that work on them, and writes in flight.

Values that are random in the product (tags, lives, stamps) are negative numbers here, and only their equality
matters: see ``keys.py``.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

Runs: TypeAlias = tuple[tuple[int, ...], ...]
"""The domains of each run that can be owned."""

Write: TypeAlias = tuple[Any, ...]
"""A write as it is sent: its kind, and its arguments."""

NEVER: Final = 0
"""``d<p>`` of a domain that was never owned: the product has no such attribute then."""

HOLDER: Final = 1
"""The tag of every naming without the rule ``tag-per-naming``."""

SHARED: Final = 1
"""The domain that is owned in parts, owned in the old form, and withdrawn by the sync."""


class Naming(NamedTuple):
    """One run under one tag, and the stamps and the version that the plan saw."""

    tag: int
    run: int
    seen: tuple[Any, ...]
    version: int


class Booking(NamedTuple):
    """A run that is owned."""

    tag: int
    run: int
    is_rival: bool


class Pod(NamedTuple):
    """The pod's ownership item."""

    stamps: tuple[Any, ...]
    """``d<p>`` of each domain: a stamp, or the holders of parts of it, or its owner in the old form."""

    version: int
    bookings: frozenset[Booking]
    withdrawn: bool
    """Whether the shared domain is out of the fleet."""


class Record(NamedTuple):
    """The holder's record. ``status`` is ``claiming``, ``settled``, ``error`` or ``going``."""

    status: str
    life: int
    revision: int
    names: tuple[Naming, ...]
    placement: Naming | None
    """The run that it is settled on."""

    def beside(self) -> tuple[Naming, ...]:
        """The names besides its placement."""
        return tuple(naming for naming in self.names if naming != self.placement)


class Process(NamedTuple):
    """One process: its kind, its place, and what it knows."""

    kind: str
    at: str = "idle"
    life: int = 0
    revision: int = 0
    current: Naming | None = None
    todo: tuple[Naming, ...] = ()
    then: str = ""
    """The place where it continues after ``todo``."""
    fresh: int = 0
    """The stamp that it writes."""
    found: Any = None
    """What it read of the pod."""


class Holder(NamedTuple):
    """The record of a holder of a part, or of an owner in the old form. It exists while it owns."""

    life: int = 0
    revision: int = 0


class State(NamedTuple):
    """Everything."""

    pod: Pod
    record: Record | None
    processes: tuple[Process, ...]
    under_way: frozenset[Write]
    """Writes that were sent and may be applied once or many times, now or later, or never."""
    gone: frozenset[int]
    """Lives that left a tombstone."""
    others: tuple[Holder, ...]
    """The own record of each process that has one."""
    acknowledged: int
    """The life that was acknowledged to a customer and not deleted."""
    wrong: str
    drawn: int
    """The last random value that was drawn."""

    def draw(self) -> tuple[State, int]:
        """Return a value that was never used before."""
        value = self.drawn - 1
        return self._replace(drawn=value), value

    def is_booked(self, tag: int) -> bool:
        """Whether there is a booking of this tag."""
        return any(booking.tag == tag for booking in self.pod.bookings)


def start(kinds: str, runs: Runs) -> State:
    """Return the initial state, in which nothing is owned. ``kinds`` has one letter for each process."""
    processes = tuple(Process(kind) for kind in kinds)
    domains = 1 + max(domain for run in runs for domain in run)
    pod = Pod((NEVER,) * domains, 1, frozenset(), withdrawn=False)
    others = (Holder(),) * len(kinds)
    return State(pod, None, processes, frozenset(), frozenset(), others, 0, "", 0)

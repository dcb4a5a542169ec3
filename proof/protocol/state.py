"""The state that the model explores: one pod, one record, the processes that work on them, writes under way.

Values that are drawn at random in the product (tags, lives, stamps) are negative numbers here, and only
whether two of them are equal means something: see ``keys.py``.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

Runs: TypeAlias = tuple[tuple[int, ...], ...]
"""The domains of each run that can be owned."""

Write: TypeAlias = tuple[Any, ...]
"""A write as it is sent: its kind, and what it names."""

NEVER: Final = 0
"""What ``d<p>`` says of a domain that was never owned: the attribute is not there."""

HOLDER: Final = 1
"""The tag of every naming where tags belong to holders and not to namings."""

SHARED: Final = 1
"""The domain of which parts are owned, that old functions own, and that a sync withdraws."""


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
    """What the pod's item says."""

    stamps: tuple[Any, ...]
    """``d<p>`` of each domain: a stamp, or the set of those who own parts of it or own it in the old form."""

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
    """What it is settled on."""

    def beside(self) -> tuple[Naming, ...]:
        """What it names besides its placement."""
        return tuple(naming for naming in self.names if naming != self.placement)


class Process(NamedTuple):
    """One process: what it is, where it stands, and what it knows."""

    kind: str
    at: str = "idle"
    life: int = 0
    revision: int = 0
    current: Naming | None = None
    todo: tuple[Naming, ...] = ()
    then: str = ""
    """Where it goes on after what is to do."""
    fresh: int = 0
    """The stamp that it leaves."""
    found: Any = None
    """What it read of the pod."""


class Holder(NamedTuple):
    """The record of a holder of a part, or of one in the old form: there while it owns."""

    life: int = 0
    revision: int = 0


class State(NamedTuple):
    """Everything."""

    pod: Pod
    record: Record | None
    processes: tuple[Process, ...]
    under_way: frozenset[Write]
    """What was sent and may land, once or many times, now or at any later time, or never."""
    gone: frozenset[int]
    """Lives that left a tombstone."""
    others: tuple[Holder, ...]
    """Of each process its own record, where it has one."""
    acknowledged: int
    """The life that a customer was told of and did not delete."""
    wrong: str
    drawn: int
    """The last random value that was drawn."""

    def draw(self) -> tuple[State, int]:
        """A value that never stood anywhere."""
        value = self.drawn - 1
        return self._replace(drawn=value), value

    def is_booked(self, tag: int) -> bool:
        """Whether there is a booking of this tag."""
        return any(booking.tag == tag for booking in self.pod.bookings)


def start(kinds: str, runs: Runs) -> State:
    """Nothing is owned; a letter a process."""
    processes = tuple(Process(kind) for kind in kinds)
    domains = 1 + max(domain for run in runs for domain in run)
    pod = Pod((NEVER,) * domains, 1, frozenset(), withdrawn=False)
    others = (Holder(),) * len(kinds)
    return State(pod, None, processes, frozenset(), frozenset(), others, 0, "", 0)

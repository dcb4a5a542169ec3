"""The state that the model explores: one pod, one record, the processes that work on them, writes under way.

Values that are drawn at random in the product (tags, lives, stamps) are negative numbers here, and only
whether two of them are equal means something. ``canonical`` numbers them anew by first appearance, so that
states which differ by the draw alone are one.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

OVERLAPPING: Final = ((0, 1), (1, 2))
"""Two runs of a pod of three domains, as the domains of each."""

APART: Final = ((0,), (1,))
"""Two runs of a pod of two domains, so that a holder can own one while it leaves the other."""

SHARED: Final = 1
"""The domain of which a rival owns a part."""

NEVER: Final = 0
"""The stamp of a domain that was never owned."""

HOLDER: Final = 2
"""The tag of every naming where tags belong to holders and not to namings."""

PARTS: Final = 1
"""What stands in the place of a stamp while a part of the domain is owned: a map, always the same one."""


class Naming(NamedTuple):
    """One run under one tag, and the stamps and the version that the plan saw."""

    tag: int
    run: int
    seen: tuple[int, ...]
    version: int


class Booking(NamedTuple):
    """A run that is owned."""

    tag: int
    run: int
    is_rival: bool


class Pod(NamedTuple):
    """What the pod's item says."""

    stamps: tuple[int, ...]
    version: int
    bookings: frozenset[Booking]
    part: bool
    """Whether the rival owns a part of the shared domain."""


class Record(NamedTuple):
    """The holder's record. ``status`` is ``claiming``, ``settled`` or ``going``."""

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
    tries: int = 0
    found: frozenset[Booking] = frozenset()


class Budget(NamedTuple):
    """How often what is rare may still happen."""

    unanswered: int
    deaths: int
    rival: int
    moves: int
    syncs: int
    parts: int


class State(NamedTuple):
    """Everything."""

    pod: Pod
    record: Record | None
    processes: tuple[Process, ...]
    under_way: frozenset[tuple[Any, ...]]
    gone: frozenset[int]
    """Lives that left a tombstone."""
    budget: Budget
    part_revision: int
    acknowledged: bool
    deleted: bool
    wrong: str
    runs: tuple[tuple[int, ...], ...]
    """The domains of each run that can be owned."""
    drawn: int
    """The last random value that was drawn."""

    def draw(self) -> tuple[State, int]:
        """A value that never stood anywhere."""
        value = self.drawn - 1
        return self._replace(drawn=value), value

    def with_process(self, index: int, **changes: Any) -> State:
        """The state in which a process stands somewhere else."""
        processes = list(self.processes)
        processes[index] = processes[index]._replace(**changes)
        return self._replace(processes=tuple(processes))

    def ended(self, index: int, at: str = "idle") -> State:
        """The state in which a process has forgotten what it did."""
        processes = list(self.processes)
        processes[index] = Process(processes[index].kind, at)
        return self._replace(processes=tuple(processes))

    def has(self, tag: int) -> bool:
        """Whether there is a booking of this tag."""
        return any(booking.tag == tag for booking in self.pod.bookings)

    def free_runs(self) -> list[int]:
        """The runs of which nothing is owned."""
        taken = {domain for booking in self.pod.bookings for domain in self.runs[booking.run]}
        if self.pod.part:
            taken.add(SHARED)
        return [number for number, run in enumerate(self.runs) if not taken.intersection(run)]


def start(kinds: str, budget: Budget, runs: tuple[tuple[int, ...], ...] = OVERLAPPING) -> State:
    """Nothing is owned; a letter a process."""
    processes = tuple(Process(kind) for kind in kinds)
    domains = 1 + max(domain for run in runs for domain in run)
    pod = Pod((NEVER,) * domains, 1, frozenset(), part=False)
    return State(
        pod, None, processes, frozenset(), frozenset(), budget, 1, acknowledged=False, deleted=False,
        wrong="", runs=runs, drawn=0,
    )  # fmt: skip


def canonical(state: State) -> State:
    """The same state with its random values numbered by first appearance."""
    names: dict[int, int] = {}

    def renamed(value: Any) -> Any:
        kind = type(value)
        if kind is int:
            return value if value >= 0 else names.setdefault(value, -len(names) - 1)
        if value is None or kind is str or kind is bool:
            return value
        if kind is frozenset:
            return frozenset([renamed(one) for one in sorted(value, key=_order)])
        if kind is tuple:
            return tuple([renamed(one) for one in value])
        return kind(*[renamed(one) for one in value])

    found: State = renamed(state._replace(drawn=0))
    return found._replace(drawn=-len(names))


def _order(value: Any) -> str:
    """An order of what a set holds that looks at random values last."""
    return f"{_blind(value)}{value!r}"


def _blind(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_blind(one) for one in value]
    return 0 if isinstance(value, int) and value < 0 else value

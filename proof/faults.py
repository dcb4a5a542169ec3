"""The kinds of faults, when they strike, and how often they did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random


class Kind(StrEnum):
    """Kinds of faults. Only faults that took effect are counted."""

    THROTTLED = "throttled"
    STORM = "storm of throttles, many calls long"
    ERROR_500 = "error 500"
    TIMEOUT_BEFORE = "timeout before the call was sent"
    TIMEOUT_AFTER = "timeout after the commit"
    CONFLICT = "transaction conflict"
    RESET = "connection reset"
    STALE_READ = "eventually consistent read"
    SENT_TWICE = "write sent twice by the SDK"
    DUPLICATE = "event, task or request delivered twice"
    LATE = "event, task or write that comes late"
    STRAY = "write that lands long after its sender heard nothing"
    REORDERED = "events out of order"
    LOST = "event lost"
    KILLED = "function killed at a side effect"
    PARTLY_DONE = "provider partly done"
    STUCK = "provider stuck"
    VANISHED = "hold or server that the provider has lost"
    POISON = "poison fleet document"
    SKEWED = "clock skew"
    UNREADABLE = "record that cannot be read"


NOT_OF_OPERATIONS: Final = frozenset({Kind.SKEWED, Kind.POISON, Kind.STUCK, Kind.UNREADABLE, Kind.VANISHED})
"""Counted per clock, document or server: no single operation counts as faulted because of them."""


STORMS_APART: Final = 60
"""How many times rarer a storm is than other faults: one storm throttles dozens of calls."""

STORM_CALLS: Final = (8, 60)
"""How many database calls a storm throttles."""

CALM: Final = "calm"
"""The client whose operations meet no faults: it prepares the stage and checks the end."""


class Killed(BaseException):
    """The execution environment is gone. Nothing in the product catches this."""


@dataclass
class Work:
    """An operation: of a client, a task or a schedule.

    Attributes:
        name: the use case or step.
        client: the client that requested it; empty if none did.
        request: the request, in plain values.
        invoked, answered: ticks of the run; ``answered`` is ``None`` until the client has an answer.
        faulted: whether a fault took effect in it.
        misled: whether it read a stale index, which may have hidden current claimants.
        began_ms: when it began, in true milliseconds.
        created: the records that it created.
        owes: regions in which it freed or added capacity, and has not yet woken the waiting claims.
        behind: by region, whether claims still wait behind one that left a queue there.
        answer: one word for how it ended.
        denied: whether its answer says that nothing was created.
        seen: what the answer says about holders, see ``visible``.
    """

    name: str
    client: str = ""
    request: tuple[Any, ...] = ()
    invoked: int = 0
    answered: int | None = None
    faulted: bool = False
    misled: bool = False
    began_ms: int = 0
    created: list[Any] = field(default_factory=list)
    owes: set[str] = field(default_factory=set)
    behind: dict[str, Callable[[], bool]] = field(default_factory=dict)
    answer: str = ""
    denied: bool = False
    seen: list[Any] = field(default_factory=list)

    def woke(self, region: str) -> None:
        """The claims that wait in a region were woken."""
        self.owes.discard(region)
        self.behind.pop(region, None)

    def left_asleep(self) -> list[str]:
        """Regions in which it should have woken the waiting claims."""
        return sorted(self.owes | {region for region, is_waiting in self.behind.items() if is_waiting()})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a call: before it is served, or ``after``, so that only the answer is lost.

    A stray write lands after ``lands_ms``, and its sender has crashed; without that both are drawn.
    """

    kind: Kind
    after: bool = False
    lands_ms: int | None = None


_ALWAYS_AFTER: Final = frozenset({Kind.TIMEOUT_AFTER, Kind.PARTLY_DONE})
_EITHER: Final = frozenset({Kind.ERROR_500, Kind.RESET, Kind.KILLED})
"""The caller cannot tell whether these happened before the call was served or after."""


class FaultSource:
    """Draws faults.

    Args:
        draw: the run's source of randomness.
        share: the share of calls that meet a fault.
    """

    def __init__(self, draw: Random, share: float) -> None:
        self.draw = draw
        self.share = share
        self.counts: Counter[Kind] = Counter()
        self._storm_calls = 0

    def strike(self, kinds: Sequence[Kind], work: Work | None, *, effect: bool = False) -> Fault | None:
        """Draw a fault of one of these kinds, or none; the caller applies it and then calls ``count``.

        ``effect`` says whether the call changes something.
        """
        if self.share == 0 or not kinds or self.draw.random() >= self.share:
            return None
        if work is not None and work.client == CALM:
            return None
        kind = kinds[self.draw.randrange(len(kinds))]
        return Fault(kind, kind in _ALWAYS_AFTER or (kind in _EITHER and self.draw.random() < 0.5))

    def storms(self, work: Work | None) -> bool:
        """Whether this database call falls into a storm, which throttles every call."""
        if self.share == 0 or (work is not None and work.client == CALM):
            return False
        if self._storm_calls == 0 and self.draw.random() < self.share / STORMS_APART:
            self._storm_calls = self.draw.randrange(*STORM_CALLS)
            self.count(Kind.STORM, work)
        if self._storm_calls == 0:
            return False
        self._storm_calls -= 1
        return True

    def chance(self, share: float) -> bool:
        """Draw true with this probability; always false once the faults have ended."""
        return self.share > 0 and self.draw.random() < share

    def count(self, kind: Kind, work: Work | None = None) -> None:
        """Count a fault that took effect."""
        self.counts[kind] += 1
        if work is not None and kind not in NOT_OF_OPERATIONS:
            work.faulted = True

    def clear(self) -> None:
        """End the faults."""
        self.share = 0.0

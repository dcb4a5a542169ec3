"""What may go wrong, when it does, and how often it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random


class Kind(StrEnum):
    """Kinds of faults. What is counted is what took effect, not what was tried."""

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
    POISON = "poison fleet document"
    SKEWED = "clock skew"
    UNREADABLE = "record that cannot be read"


NOT_OF_OPERATIONS: Final = frozenset({Kind.SKEWED, Kind.POISON, Kind.STUCK, Kind.UNREADABLE})
"""These are counted by clock, by document and by server: they make no single operation a faulted one."""


STORMS_APART: Final = 60
"""So many times rarer than other faults: each is worth dozens of them."""

STORM_CALLS: Final = (8, 60)
"""How many calls of the database a storm meets."""

CALM: Final = "calm"
"""The client whose operations are spared: it sets the scene and looks at the end."""


class Killed(BaseException):
    """The execution environment is gone. Nothing in the product catches this."""


@dataclass
class Work:
    """Something that is being done: a client's operation, a task, a schedule.

    Attributes:
        name: the use case or step.
        client: who asked, empty for what nobody asked for.
        request: what was asked for, in plain values.
        invoked, answered: ticks of the run's own count; ``answered`` is ``None`` as long as nobody knows.
        faulted: whether anything went wrong in it.
        misled: whether an index showed it what had been before: who is claiming now may have been hidden.
        began_ms: when it began, in true milliseconds.
        created: the records that it put.
        owes: regions in which it freed capacity, or brought some, and has not had anybody woken since.
        behind: by region, whether anybody who stood behind a claim that left a queue there still does.
        answer: one word for how it ended.
        denied: whether its answer tells that nothing was made.
        seen: what the answer tells of holders, see ``visible``.
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
        """Those who wait in a region are looked after."""
        self.owes.discard(region)
        self.behind.pop(region, None)

    def left_asleep(self) -> list[str]:
        """Regions in which it should have had those woken who wait."""
        return sorted(self.owes | {region for region, is_waiting in self.behind.items() if is_waiting()})


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a call: before it is served, or ``after``, so that only the answer is lost.

    A stray write lands after ``lands_ms``, and its sender is dead; without that chance decides both.
    """

    kind: Kind
    after: bool = False
    lands_ms: int | None = None


_ALWAYS_AFTER: Final = frozenset({Kind.TIMEOUT_AFTER, Kind.PARTLY_DONE})
_EITHER: Final = frozenset({Kind.ERROR_500, Kind.RESET, Kind.KILLED})
"""The caller cannot tell whether these happened before the call was served or after."""


class FaultSource:
    """Draws what goes wrong.

    Args:
        draw: the run's source of randomness.
        share: of the calls, how many have something go wrong.
    """

    def __init__(self, draw: Random, share: float) -> None:
        self.draw = draw
        self.share = share
        self.counts: Counter[Kind] = Counter()
        self._storm_calls = 0

    def strike(self, kinds: Sequence[Kind], work: Work | None, *, effect: bool = False) -> Fault | None:
        """Nothing, or one of these kinds; the caller brings it about and then calls ``count``.

        ``effect`` tells that the call changes something.
        """
        if self.share == 0 or not kinds or self.draw.random() >= self.share:
            return None
        if work is not None and work.client == CALM:
            return None
        kind = kinds[self.draw.randrange(len(kinds))]
        return Fault(kind, kind in _ALWAYS_AFTER or (kind in _EITHER and self.draw.random() < 0.5))

    def storms(self, work: Work | None) -> bool:
        """Whether this call of the database meets a storm, which throttles whatever comes."""
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
        """Whether something happens that happens with this probability; never once the faults are over."""
        return self.share > 0 and self.draw.random() < share

    def count(self, kind: Kind, work: Work | None = None) -> None:
        """It took effect."""
        self.counts[kind] += 1
        if work is not None and kind not in NOT_OF_OPERATIONS:
            work.faulted = True

    def clear(self) -> None:
        """From now on nothing goes wrong any more."""
        self.share = 0.0

"""Is there an order of operations that everybody could have seen? A linearizability checker.

An operation takes effect at one moment between the tick at which it was asked for and the tick at which
somebody knew of it. A history is linearizable if such moments can be chosen so that, one after the other in
their order, the operations do what a sequential model allows. The search is Wing and Gong's with Lowe's
memory:

1. Candidates are the operations that were asked for before the earliest remaining one was known of.
2. A candidate that reads and may be next, is: it changes nothing, so waiting for it can only hurt.
3. Of the others each is tried, in the order of ``hint``; a set of done operations that led to the same state
   before is not tried again.

The cost is exponential in how many operations overlap, so it is bounded by ``steps_max``; a search that ends
at the bound says so and is no proof of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

State = TypeVar("State", bound="Hashable")

STEPS_MAX = 200_000


class Step(Protocol[State]):
    """What an operation does to the sequential model."""

    @property
    def reads(self) -> bool:
        """Whether it leaves every state as it is."""

    def apply(self, state: State) -> State | None:
        """The state after it, ``None`` where it cannot happen."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[State]):
    """A step, and between which ticks it took effect; ``known`` is ``inf`` where nobody ever knew."""

    step: Step[State]
    asked: float
    known: float = inf
    hint: float = 0


class Undecided(Exception):
    """The search was ended at its bound."""


def order_of(operations: Sequence[Operation[State]], initial: State) -> list[int] | None:
    """The operations in an order that everybody could have seen, by their places; ``None``: there is none.

    Raises:
        Undecided: there are too many orders.
    """
    known = [operation.known for operation in operations]
    by_hint = sorted(range(len(operations)), key=lambda n: (operations[n].hint, n))
    chosen: list[int] = []
    remaining = dict.fromkeys(by_hint)
    seen: set[tuple[frozenset[int], State]] = set()
    # For each choice made: the state before it, and the candidates that were not tried in its place.
    trail: list[tuple[State, list[int]]] = []
    state, steps = initial, 0
    candidates = _candidates(operations, known, remaining, state)
    while remaining:
        steps += 1
        if steps > STEPS_MAX:
            raise Undecided
        while candidates:
            place = candidates.pop(0)
            after = operations[place].step.apply(state)
            if after is None:
                continue
            memory = (frozenset(remaining) - {place}, after)
            if memory in seen:
                continue
            seen.add(memory)
            # Where a read can be next, nothing else has to be tried here.
            trail.append((state, [] if operations[place].step.reads else candidates))
            chosen.append(place)
            del remaining[place]
            state = after
            candidates = _candidates(operations, known, remaining, state)
            break
        else:
            if not trail:
                return None
            state, candidates = trail.pop()
            remaining[chosen.pop()] = None
    return chosen


def _candidates(
    operations: Sequence[Operation[State]],
    known: Sequence[float],
    remaining: dict[int, None],
    state: State,
) -> list[int]:
    """Which may be next: reads that can be first, then the others by their hints."""
    if not remaining:
        return []
    bound = min(known[place] for place in remaining)
    open_now = [place for place in remaining if operations[place].asked <= bound]
    for place in open_now:
        step = operations[place].step
        if step.reads and step.apply(state) is not None:
            return [place]
    return sorted(
        (place for place in open_now if not operations[place].step.reads),
        key=lambda place: (operations[place].hint, place),
    )

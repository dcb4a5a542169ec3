"""A linearizability checker: is there an order of operations that explains all answers?

An operation takes effect at one moment between the tick of its request and the tick at which its effect was
first known. A history is linearizable if such moments can be chosen so that, one after the other in
their order, the operations do what a sequential model allows. The search is Wing and Gong's with Lowe's
memory:

1. Candidates are the operations that were requested before the earliest remaining one was known.
2. A candidate that reads and may be next is taken at once: it changes nothing, so delaying it never helps.
3. Each other candidate is tried, in the order of ``hint``; a set of done operations that led to the same
   state before is not tried again.

The cost is exponential in the number of overlapping operations, so it is bounded by ``steps_max``; a search
that ends at the bound raises ``Undecided`` and proves nothing.
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
    """The effect of an operation on the sequential model."""

    @property
    def reads(self) -> bool:
        """Whether it changes no state."""

    def apply(self, state: State) -> State | None:
        """The state after it; ``None`` if it cannot happen in this state."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[State]):
    """A step, and the ticks between which it took effect; ``known`` is ``inf`` if it was never known."""

    step: Step[State]
    asked: float
    known: float = inf
    hint: float = 0


class Undecided(Exception):
    """The search was ended at its bound."""


def order_of(operations: Sequence[Operation[State]], initial: State) -> list[int] | None:
    """Return a linearization, as places in the list of operations; ``None`` if there is none.

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
            # If a read can be next, nothing else has to be tried here.
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
    """The candidates for the next place: reads that can be first, then the others by their hints."""
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

"""Looks at every state that can be reached, shortest way first, until one is wrong."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proof.protocol.state import canonical

if TYPE_CHECKING:
    from proof.protocol.processes import Moves
    from proof.protocol.state import State


@dataclass(frozen=True)
class Found:
    """What an exploration came to."""

    states: int
    problem: str | None
    trace: tuple[str, ...] = ()
    complete: bool = True


def explore(start: State, moves: Moves, states_max: int) -> Found:
    """Look at every state; the shortest way to a wrong one, where there is one."""
    first = canonical(start)
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        steps = list(moves.of(state))
        problem = wrong(state, at_rest=not any(has_to for _, _, has_to in steps))
        if problem:
            return Found(len(came_from), problem, _trace(came_from, state))
        for name, after, _ in steps:
            known = canonical(after)
            if known not in came_from:
                came_from[known] = (state, name)
                waiting.append(known)
        if len(came_from) > states_max:
            return Found(len(came_from), None, complete=False)
    return Found(len(came_from), None)


def wrong(state: State, *, at_rest: bool) -> str | None:  # noqa: PLR0911 - one rule a line
    """What must not be, whatever happens next."""
    record, owned = state.record, {(b.tag, b.run) for b in state.pod.bookings if not b.is_rival}
    placed = (record.placement.tag, record.placement.run) if record and record.placement else None
    if state.wrong:
        return state.wrong
    settled = record is not None and record.status == "settled"
    if record is not None and settled and placed not in owned:
        return "a settled record owns nothing"
    if state.acknowledged and not state.deleted and not settled:
        return "what was acknowledged is gone"
    if owned - ({(naming.tag, naming.run) for naming in record.names} if record else set()):
        return "a run is owned that no record names"
    if not at_rest:
        return None
    if record is not None and not settled:
        return f"a record stays {record.status}"
    if record is not None and (len(record.names) > 1 or owned != {placed}):
        return "a record that has settled names or owns more than its placement"
    return None


def _trace(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    names = []
    while (before := came_from[state]) is not None:
        state, name = before
        names.append(name)
    return tuple(reversed(names))

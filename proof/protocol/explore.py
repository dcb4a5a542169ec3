"""Explores all reachable states breadth-first, until it finds a violation."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proof.protocol.bystanders import Bystanders
from proof.protocol.processes import Holders
from proof.protocol.state import SHARED
from proof.protocol.steps import sent_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.keys import Keys
    from proof.protocol.state import Process, Runs, State

HOLDERS = "WRDHF"


@dataclass(frozen=True)
class Found:
    """The result of an exploration."""

    states: int
    problem: str | None
    trace: tuple[str, ...] = ()
    complete: bool = True


class Moves:
    """The steps of all processes under the given rules, and the late application of writes."""

    def __init__(self, rules: AbstractSet[str], runs: Runs, *, adopts: bool, rival: bool) -> None:
        self.holders = Holders(rules, runs, adopts=adopts)
        self.bystanders = Bystanders(rules, runs)
        self.database = self.holders.database
        self.rival = rival

    def of(self, state: State) -> Iterator[tuple[str, State, bool]]:
        """Yield every step, the state after it, and whether the step has to happen eventually."""
        for index, process in enumerate(state.processes):
            name = f"{process.kind}{index}"
            busy = process.at != "idle"
            if busy:
                yield f"{name} dies", self.holders.end(state, index), False
            kind = self.holders if process.kind in HOLDERS else self.bystanders
            for what, after in kind.of(state, index, process):
                yield f"{name} {what}", after, busy or process.kind == "R"
        for write in state.under_way:
            after, holds = self.database.apply(state, write)
            if holds:
                yield f"LATE {write[0]} lands", after, False
        if self.rival:
            yield from ((name, after, False) for name, after in self.bystanders.rival(state))

    def hurry(self, keys: Keys, state: State) -> State:
        """Return the state after all answers that can only be refusals, at any time."""
        if keys.looks_at_stamps or keys.looks_at_records:
            return keys.prune(state)
        index = 0
        while index < len(state.processes):
            me = state.processes[index]
            if me.kind in HOLDERS and me.at != "idle" and _is_refused(keys, state, index, me):
                _, state = next(self.holders.of(state, index, me))
            else:
                index += 1
        return keys.prune(state)


def _is_refused(keys: Keys, state: State, index: int, me: Process) -> bool:
    """Whether a process's write can only be refused from now on, and the refusal tells it nothing new."""
    write = sent_at(index, me)
    if write is None or me.at == "put" or keys.may_land(state, write):
        return False
    if me.at == "own":
        return not state.is_booked(write[1].tag)
    record = state.record
    if me.at not in ("name", "move", "settle", "settle move") or record is None or record.life != me.life:
        return True
    return me.current not in (*record.names, record.placement)


def explore(start: State, moves: Moves, keys: Keys, states_max: int) -> Found:
    """Explore every state; return the shortest path to a violation, if there is one."""
    numbers: dict[Any, int] = {keys.of(start): 0}
    came_from: list[tuple[int, str]] = [(0, "")]
    waiting = deque([(0, start)])
    while waiting:
        number, state = waiting.popleft()
        at_rest = True
        for name, after, has_to in moves.of(state):
            at_rest = at_rest and not has_to
            pruned = moves.hurry(keys, after)
            key = keys.of(pruned)
            if key not in numbers:
                numbers[key] = len(came_from)
                came_from.append((number, name))
                problem = wrong(pruned)
                if problem:
                    return Found(len(came_from), problem, _trace(came_from, len(came_from) - 1))
                waiting.append((len(came_from) - 1, pruned))
        problem = unfinished(state) if at_rest else None
        if problem:
            return Found(len(came_from), problem, _trace(came_from, number))
        if len(came_from) > states_max:
            return Found(len(came_from), None, complete=False)
    return Found(len(came_from), None)


def wrong(state: State) -> str | None:
    """Return the violation of a state, or None: what is wrong whatever happens next."""
    if state.wrong:
        return state.wrong
    record, owned = state.record, _owned(state)
    settled = record is not None and record.status == "settled"
    if record is not None and settled and _placed(state) not in owned:
        return "a settled record owns nothing"
    if state.acknowledged and (
        record is None or record.life != state.acknowledged or record.status not in ("settled", "error")
    ):
        return "what was acknowledged is gone"
    if owned - ({(naming.tag, naming.run) for naming in record.names} if record else set()):
        return "a run is owned that no record names"
    value = state.pod.stamps[SHARED] if len(state.pod.stamps) > SHARED else 0
    listed = {index for index, holder in enumerate(state.others) if holder.life}
    if listed != (value if isinstance(value, frozenset) else set()):
        return "parts of a domain are not what their records say"
    return None


def unfinished(state: State) -> str | None:
    """Return the violation of a final state, or None: what is wrong once no process has a step left."""
    record, owned = state.record, _owned(state)
    if record is None:
        return None
    if record.status not in ("settled", "error"):
        return f"a record stays {record.status}"
    if record.beside() or owned != ({_placed(state)} if record.placement else set()):
        return "a record that has settled names or owns more than its placement"
    return None


def _owned(state: State) -> set[tuple[int, int]]:
    return {(booking.tag, booking.run) for booking in state.pod.bookings if not booking.is_rival}


def _placed(state: State) -> tuple[int, int] | None:
    record = state.record
    return (record.placement.tag, record.placement.run) if record and record.placement else None


def _trace(came_from: list[tuple[int, str]], number: int) -> tuple[str, ...]:
    names = []
    while number:
        number, name = came_from[number]
        names.append(name)
    return tuple(reversed(names))

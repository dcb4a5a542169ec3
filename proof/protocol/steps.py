"""Common steps of all processes: they send writes, fence runs, and die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from proof.protocol.state import HOLDER, NEVER, SHARED, Naming, Process
from proof.protocol.writes import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Pod, Runs, State, Write

Step: TypeAlias = "tuple[str, State]"
Then: TypeAlias = "Callable[[State, bool], State]"


class Steps:
    """A process in a place with a write has sent it: it may be applied now, later, again, or never."""

    def __init__(self, rules: AbstractSet[str], runs: Runs) -> None:
        self.rules = rules
        self.runs = runs
        self.database = Database(rules, runs)

    # Places of processes.

    def go(self, state: State, index: int, **changes: Any) -> State:
        """Return the state in which a process has moved to another place and sent the write of that place."""
        if changes.get("at") == "stamp":
            state, changes["fresh"] = state.draw()
        processes = list(state.processes)
        processes[index] = me = processes[index]._replace(**changes)
        sent = sent_at(index, me)
        under_way = state.under_way | {sent} if sent else state.under_way
        return state._replace(processes=tuple(processes), under_way=under_way)

    def end(self, state: State, index: int) -> State:
        """Return the state in which a process is idle and has forgotten everything."""
        processes = list(state.processes)
        processes[index] = Process(processes[index].kind)
        return state._replace(processes=tuple(processes))

    # Writes.

    def sends(
        self, state: State, index: int, what: str, then: Then, unanswered: State | None = None
    ) -> Iterator[Step]:
        """Yield the outcomes of a write. Without an answer it is sent again, or ``unanswered`` follows."""
        write = sent_at(index, state.processes[index])
        assert write is not None
        done, holds = self.database.apply(state, write)
        yield f"{what}: {'ok' if holds else 'refused'}", then(done, holds)
        if unanswered is not None:
            yield f"{what}: no answer, goes on", unanswered

    def reads_and_sends(self, state: State, what: str, write: Write, then: Then) -> Iterator[Step]:
        """Yield the outcomes of a write under the current revision. Without an answer it is read again."""
        sent = state._replace(under_way=state.under_way | {write})
        done, holds = self.database.apply(sent, write)
        yield f"{what}: {'ok' if holds else 'refused'}", then(done, holds)
        yield f"{what}: no answer", sent

    # Plans.

    def looks_free(self, pod: Pod, run: int, olds: frozenset[int]) -> bool:
        """Whether a plan regards a run as free."""
        value = pod.stamps[SHARED] if SHARED in self.runs[run] else NEVER
        if "old-form-known" not in self.rules and isinstance(value, frozenset) and value <= olds:
            pod = pod._replace(stamps=tuple([NEVER] * len(pod.stamps)))
        return self.database.is_free(pod, run)

    def namings(self, state: State) -> Iterator[tuple[State, Naming]]:
        """Yield a plan for each run that looks free."""
        olds = frozenset(index for index, process in enumerate(state.processes) if process.kind == "O")
        for number, domains in enumerate(self.runs):
            if self.looks_free(state.pod, number, olds):
                drawn, tag = state.draw() if "tag-per-naming" in self.rules else (state, HOLDER)
                seen = tuple([state.pod.stamps[domain] for domain in domains])
                yield drawn, Naming(tag, number, seen, state.pod.version)

    # Fences: a run is not owned, and never will be under this tag.

    def begins_fences(
        self, state: State, index: int, todo: tuple[Naming, ...], then: str, **known: Any
    ) -> State:
        """Return the state in which a process fences the namings and then continues at ``then``."""
        if todo:
            return self.go(state, index, at="unbook", todo=todo, then=then, **known)
        if then == "idle":
            return self.end(state, index)
        return self.go(state, index, at=then, todo=(), then="", **known)

    def fences(self, state: State, index: int, me: Process) -> Iterator[Step]:
        """Remove the booking; if there is none, stamp the run; if it was booked meanwhile, begin again."""
        naming = me.todo[0]
        over = self.begins_fences(state, index, me.todo[1:], me.then)
        unanswered = None if "fence-definite" in self.rules else over

        def after(done: State) -> State:
            return self.begins_fences(done, index, me.todo[1:], me.then)

        def unbooked(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            stamps = "fence" in self.rules and me.kind != "A"
            return after(done) if held or not stamps else self.go(done, index, at="stamp")

        def stamped(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            late = not held and done.is_booked(naming.tag)
            return self.go(done, index, at="unbook") if late else after(done)

        if me.at == "unbook":
            yield from self.sends(
                state, index, f"removes the booking of run {naming.run}", unbooked, unanswered
            )
        else:
            yield from self.sends(state, index, f"stamps run {naming.run}", stamped, unanswered)


def sent_at(index: int, me: Process) -> Write | None:  # noqa: PLR0911 - one place a line
    """Return the write that a process sends in its place, if any."""
    at = me.at
    if at == "own":
        return (at, me.current)
    if at == "unbook":
        return (at, me.todo[0])
    if at == "stamp":
        return (at, me.todo[0], me.fresh)
    if at == "put":
        return (at, me.life, me.current)
    if at in ("name", "move", "settle", "settle move"):
        return (at, me.life, me.revision, me.current)
    if at in ("drop", "clean", "fail"):
        return (at, me.life, me.revision)
    return _sent_beside(index, me)


def _sent_beside(index: int, me: Process) -> Write | None:
    if me.at == "mark":
        return (me.at, me.todo[0])
    if me.at == "take part":
        return (me.at, index, me.life, me.found)
    if me.at == "give part":
        return (me.at, index, me.found, me.fresh, me.life, me.revision)
    if me.at == "withdraw":
        return (me.at, me.found, me.revision)
    return None

"""What all processes have in common: they send writes, fence what they were told to, and die."""

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
    """A process that stands where a write is sent has sent it: it may land now, later, again, or never."""

    def __init__(self, rules: AbstractSet[str], runs: Runs) -> None:
        self.rules = rules
        self.runs = runs
        self.database = Database(rules, runs)

    # Where processes stand.

    def go(self, state: State, index: int, **changes: Any) -> State:
        """The state in which a process stands somewhere else, and has sent what is sent there."""
        if changes.get("at") == "stamp":
            state, changes["fresh"] = state.draw()
        processes = list(state.processes)
        processes[index] = me = processes[index]._replace(**changes)
        sent = sent_at(index, me)
        under_way = state.under_way | {sent} if sent else state.under_way
        return state._replace(processes=tuple(processes), under_way=under_way)

    def end(self, state: State, index: int) -> State:
        """The state in which a process has forgotten what it did."""
        processes = list(state.processes)
        processes[index] = Process(processes[index].kind)
        return state._replace(processes=tuple(processes))

    # What they send.

    def sends(
        self, state: State, index: int, what: str, then: Then, unanswered: State | None = None
    ) -> Iterator[Step]:
        """A write that is answered. Without an answer it is sent again, or what ``unanswered`` says."""
        write = sent_at(index, state.processes[index])
        assert write is not None
        done, holds = self.database.apply(state, write)
        yield f"{what}: {'ok' if holds else 'refused'}", then(done, holds)
        if unanswered is not None:
            yield f"{what}: no answer, goes on", unanswered

    def reads_and_sends(self, state: State, what: str, write: Write, then: Then) -> Iterator[Step]:
        """A write of a record as it stands. Without an answer the process reads again."""
        sent = state._replace(under_way=state.under_way | {write})
        done, holds = self.database.apply(sent, write)
        yield f"{what}: {'ok' if holds else 'refused'}", then(done, holds)
        yield f"{what}: no answer", sent

    # What they plan.

    def looks_free(self, pod: Pod, run: int, olds: frozenset[int]) -> bool:
        """Whether a plan takes a run for free."""
        value = pod.stamps[SHARED] if SHARED in self.runs[run] else NEVER
        if "old-form-known" not in self.rules and isinstance(value, frozenset) and value <= olds:
            pod = pod._replace(stamps=tuple([NEVER] * len(pod.stamps)))
        return self.database.is_free(pod, run)

    def namings(self, state: State) -> Iterator[tuple[State, Naming]]:
        """A plan for each run that looks free."""
        olds = frozenset(index for index, process in enumerate(state.processes) if process.kind == "O")
        for number, domains in enumerate(self.runs):
            if self.looks_free(state.pod, number, olds):
                drawn, tag = state.draw() if "tag-per-naming" in self.rules else (state, HOLDER)
                seen = tuple([state.pod.stamps[domain] for domain in domains])
                yield drawn, Naming(tag, number, seen, state.pod.version)

    # How they make sure that a run is not owned and never will be.

    def begins_fences(
        self, state: State, index: int, todo: tuple[Naming, ...], then: str, **known: Any
    ) -> State:
        """The state in which a process fences some namings and then stands somewhere else."""
        if todo:
            return self.go(state, index, at="unbook", todo=todo, then=then, **known)
        if then == "idle":
            return self.end(state, index)
        return self.go(state, index, at=then, todo=(), then="", **known)

    def fences(self, state: State, index: int, me: Process) -> Iterator[Step]:
        """Remove the booking; where there is none, stamp under what was seen; or there is one by now."""
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
    """What a process sends where it stands."""
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

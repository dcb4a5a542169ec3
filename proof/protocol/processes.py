"""What each process does next: every way in which one step of it can go.

worker (W)      a create: records, owns, settles; a second one is its retry under the same key
reconcile (R)   takes over what was left, tears down what goes, ends moves that were left
customer (D)    deletes
healer (H)      moves a settled holder to another run, and back
rival (X)       another holder of whole runs; sync (S) raises the topology version
audit (A)       frees what is owned and what no record names
parts (V)       a holder of a part of the shared domain

A write may be answered; or be applied without an answer; or be under way without an answer, to land at any
later time, or never. A process may die at any step.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from proof.protocol.bystanders import audit, others, parts
from proof.protocol.state import HOLDER, Naming
from proof.protocol.writes import apply, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Process, Record, State
    from proof.protocol.writes import Write

    Step = tuple[str, State]
    Then = Callable[[State, bool], State]

TRIES_MAX: Final = 1


class Moves:
    """The steps of all processes under the rules that are followed."""

    def __init__(self, rules: AbstractSet[str], *, adopts: bool) -> None:
        self.rules = rules
        self.adopts = adopts
        self._kinds: dict[str, Callable[[State, int, Process], Iterator[Step]]] = {
            "W": self._worker,
            "R": self._reconcile,
            "D": self._customer,
            "H": self._healer,
            "V": partial(parts, self.rules),
            "A": partial(audit, self.rules),
        }

    def of(self, state: State) -> Iterator[tuple[str, State, bool]]:
        """Every step, the state after it, and whether it has to happen at some time."""
        for index, process in enumerate(state.processes):
            if process.at == "done":
                continue
            if process.at != "idle" and state.budget.deaths:
                fewer = state._replace(budget=state.budget._replace(deaths=state.budget.deaths - 1))
                yield f"{process.kind}{index} dies", fewer.ended(index, _after_death(process)), False
            for name, after in self._kinds[process.kind](state, index, process):
                yield f"{process.kind}{index} {name}", after, True
        for write in state.under_way:
            after, holds = apply(self.rules, state, write)
            landed = after._replace(under_way=after.under_way - {write})
            yield f"LATE {write[0]} {'lands' if holds else 'is refused'}", landed, False
        yield from ((name, after, False) for name, after in others(self.rules, state))

    def _namings(self, state: State) -> Iterator[tuple[State, Naming]]:
        for number in state.free_runs():
            drawn, tag = state.draw() if "tag-per-naming" in self.rules else (state, HOLDER)
            seen = tuple(state.pod.stamps[domain] for domain in state.runs[number])
            yield drawn, Naming(tag, number, seen, state.pod.version)

    # What a create does.

    def _worker(self, state: State, index: int, me: Process) -> Iterator[Step]:
        record = state.record
        if me.at == "idle":
            yield from self._first_look(state, index, record)
        elif me.at == "put":
            yield from self._put(state, index, me)
        elif me.at == "own":
            yield from self._own(state, index, me, refused="again", owned="settle")
        elif me.at == "again":
            yield from self._another_run(state, index, me)
        elif me.at == "name":
            yield from self._name(state, index, me, "name")
        elif me.at == "settle":
            yield from self._settle(state, index, me)
        elif me.at == "give up":
            # Every own was refused, and a refused one can never land.
            write = ("drop", me.life, me.revision)
            yield from send(
                self.rules,
                state,
                "drops the record",
                write,
                lambda after, _: after.ended(index, "done"),
                lambda s: s,
            )
        elif me.at == "take over":
            yield from self._take_over(state, index, me, "take over")
        else:
            yield from self._fence(state, index, me, then="again")

    def _first_look(self, state: State, index: int, record: Record | None) -> Iterator[Step]:
        if record is None:
            drawn, life = state.draw()
            for planned, naming in self._namings(drawn):
                yield (
                    f"plans run {naming.run}",
                    planned.with_process(index, at="put", life=life, revision=1, current=naming),
                )
            if not state.free_runs():
                yield "is refused for lack of capacity", state.ended(index, "done")
        elif record.status == "settled":
            yield "answers what stands", state.ended(index, "done")._replace(acknowledged=True)
        else:
            if record.status == "claiming" and self.adopts:
                # The deadline of the first one may have passed by now.
                yield (
                    "adopts",
                    state.with_process(index, at="take over", life=record.life, revision=record.revision),
                )
            yield "answers: in progress", state.ended(index, "done")

    def _put(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(after: State, _held: bool) -> State:  # noqa: FBT001 - what a write came to
            found = after.record
            mine = found is not None and found.life == me.life
            if found is not None and mine and found.revision == 1 and found.status == "claiming":
                return after.with_process(index, at="own")
            return after.ended(index, "done")

        definite = "put-definite" in self.rules
        yield from send(
            self.rules,
            state,
            "puts the record",
            ("put", me.life, me.current),
            then,
            lambda after: after if definite else after.with_process(index, at="own"),
        )

    def _own(self, state: State, index: int, me: Process, *, refused: str, owned: str) -> Iterator[Step]:
        yield from send(
            self.rules,
            state,
            f"owns run {_run(me)}",
            ("own", me.current),
            lambda after, held: after.with_process(index, at=owned if held else refused),
            lambda after: after,
        )

    def _another_run(self, state: State, index: int, me: Process) -> Iterator[Step]:
        if me.tries < TRIES_MAX:
            at = "name" if "name-first" in self.rules else "own"
            for planned, naming in self._namings(state):
                yield (
                    f"plans run {naming.run}",
                    planned.with_process(index, at=at, current=naming, tries=me.tries + 1),
                )
        yield "finds no room", state.with_process(index, at="give up")

    def _name(self, state: State, index: int, me: Process, kind: str) -> Iterator[Step]:
        def then(after: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            found, current = after.record, me.current
            named = found is not None and found.life == me.life and current in found.names
            if held or (found is not None and named and found.revision == me.revision + 1):
                return after.with_process(index, at="own", revision=me.revision + 1)
            return after.ended(index, "done" if kind == "name" else "idle")

        definite = "name-definite" in self.rules
        yield from send(
            self.rules,
            state,
            f"names run {_run(me)}",
            (kind, me.life, me.revision, me.current),
            then,
            lambda after: (
                after if definite else after.with_process(index, at="own", revision=me.revision + 1)
            ),
        )

    def _settle(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(after: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            if held or ("look-before-undo" in self.rules and _is_settled_on(after.record, me)):
                return after.ended(index, "done")._replace(acknowledged=True)
            if "undo" not in self.rules:
                return after.ended(index, "done")
            return after.with_process(index, at="fence", todo=(me.current,), life=0)

        yield from send(
            self.rules,
            state,
            "settles",
            ("settle", me.life, me.revision, me.current),
            then,
            lambda after: after,
        )

    # What ends what was left.

    def _reconcile(self, state: State, index: int, me: Process) -> Iterator[Step]:
        record = state.record
        if me.at == "idle" and record is not None:
            yield from self._look(state, index, record)
        elif me.at in ("take over", "raise"):
            yield from self._take_over(state, index, me, me.at)
        elif me.at == "fence":
            yield from self._fence(state, index, me, then="clean" if me.tries else "drop")
        elif me.at in ("drop", "clean"):
            yield from send(
                self.rules,
                state,
                f"{me.at}s",
                (me.at, me.life, me.revision),
                lambda after, _: after.ended(index),
                lambda s: s,
            )

    def _look(self, state: State, index: int, record: Record) -> Iterator[Step]:
        found = {"life": record.life, "revision": record.revision}
        if record.status == "claiming":
            at = "take over" if "take-over-first" in self.rules else "fence"
            todo = () if at == "take over" else record.names
            yield "finds it claiming", state.with_process(index, at=at, todo=todo, **found)
        elif record.status == "going":
            kept = (record.placement,) if record.placement else ()
            todo = record.names if "teardown-by-names" in self.rules else kept
            yield "tears down", state.with_process(index, at="fence", todo=todo, **found)
        elif len(record.names) > 1 and "look-at-names" in self.rules:
            todo = record.beside()
            if "bump-first" in self.rules:
                yield "finds a move", state.with_process(index, at="raise", tries=1, **found)
            else:
                yield "finds a move", state.with_process(index, at="fence", todo=todo, tries=1, **found)

    def _take_over(self, state: State, index: int, me: Process, kind: str) -> Iterator[Step]:
        def then(after: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = after.record
            if not held or record is None:
                return after.ended(index, "idle" if me.kind == "R" else "done")
            todo = record.beside() if kind == "raise" else record.names
            return after.with_process(index, at="fence", revision=record.revision, todo=todo)

        # Not definite: who takes over next reads what stands.
        yield from send(
            self.rules,
            state,
            "takes over" if kind == "take over" else "raises the revision",
            (kind, me.life, me.revision),
            then,
            lambda after: after.ended(index, "idle" if me.kind == "R" else "done"),
        )

    def _fence(self, state: State, index: int, me: Process, *, then: str) -> Iterator[Step]:
        """Make sure that each run is not owned and never will be: stamp it, or else remove its booking."""
        if not me.todo:
            # A worker that undid its own run is done; one that has adopted goes on.
            done = me.kind in "WH" and not me.life
            yield (
                "has fenced",
                (
                    state.ended(index, "done" if me.kind == "W" else "idle")
                    if done
                    else state.with_process(index, at=then)
                ),
            )
            return
        naming, rest = me.todo[0], me.todo[1:]
        owned = state.has(naming.tag)
        definite = "fence-definite" in self.rules
        if owned or "fence" not in self.rules:
            # After its own was applied the stamp that it demands never comes back.
            def released(after: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
                return after.with_process(index, todo=rest) if held or "fence" not in self.rules else after

            write: Write = ("unbook", naming)
            drawn = state
        else:
            drawn, fresh = state.draw()
            write = ("stamp", naming, fresh)

            def released(after: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
                return after if after.has(naming.tag) and not held else after.with_process(index, todo=rest)

        yield from send(
            self.rules,
            drawn,
            f"{write[0]}s run {naming.run}",
            write,
            released,
            lambda after: after if definite else after.with_process(index, todo=rest),
        )

    def _customer(self, state: State, index: int, _me: Process) -> Iterator[Step]:
        record = state.record
        if record is not None and record.status == "settled":
            # Unanswered or refused it is repeated by the customer, who reads again.
            yield from send(
                self.rules,
                state,
                "deletes",
                ("delete", record.life, record.revision),
                lambda after, held: after.ended(index, "done") if held else after,
                lambda after: after,
            )

    # What moves a settled holder.

    def _healer(self, state: State, index: int, me: Process) -> Iterator[Step]:
        record = state.record
        if me.at == "idle":
            if record is None or record.status != "settled" or not state.budget.moves:
                return
            if "one-move" in self.rules and len(record.names) > 1:
                return
            fewer = state._replace(budget=state.budget._replace(moves=state.budget.moves - 1))
            for planned, naming in self._namings(fewer):
                yield (
                    f"plans a move to run {naming.run}",
                    planned.with_process(
                        index, at="name", life=record.life, revision=record.revision, current=naming
                    ),
                )
        elif me.at == "name":
            yield from self._name(state, index, me, "move")
        elif me.at == "own":
            yield from self._own(state, index, me, refused="clean", owned="settle")
        elif me.at == "settle":
            yield from self._settle_move(state, index, me)
        elif me.at == "fence":
            yield from self._fence(state, index, me, then="clean")
        else:
            yield from send(
                self.rules,
                state,
                "forgets the other run",
                ("clean", me.life, me.revision),
                lambda after, _: after.ended(index),
                lambda after: after.ended(index),
            )

    def _settle_move(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(after: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = after.record
            if record is not None and (held or _is_settled_on(record, me)):
                return after.with_process(index, at="fence", revision=record.revision, todo=record.beside())
            return after.with_process(index, at="fence", todo=(me.current,), life=0)

        yield from send(
            self.rules,
            state,
            "settles the move",
            ("settle move", me.life, me.revision, me.current),
            then,
            lambda s: s,
        )


def _after_death(process: Process) -> str:
    """What has died is over, but schedules run again."""
    return "idle" if process.kind in "RH" else "done"


def _run(process: Process) -> int | None:
    return process.current.run if process.current else None


def _is_settled_on(record: Record | None, me: Process) -> bool:
    return (
        record is not None
        and me.current is not None
        and record.life == me.life
        and record.placement == me.current
    )

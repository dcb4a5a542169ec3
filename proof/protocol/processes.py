"""The processes that work on the holder: every possible outcome of the next step of each.

worker (W)      a create: records, owns, settles; the next one is a retry under the same key
reconcile (R)   takes over unfinished records, tears down deleted ones, completes moves and failures
customer (D)    deletes
healer (H)      moves a settled holder to another run
workflow (F)    fails to provision it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.protocol.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Process, Record, Runs, State
    from proof.protocol.steps import Step


class Holders(Steps):
    """The steps of the processes that work on the holder."""

    def __init__(self, rules: AbstractSet[str], runs: Runs, *, adopts: bool) -> None:
        super().__init__(rules, runs)
        self.adopts = adopts
        self._places: dict[str, Callable[[State, int, Process], Iterator[Step]]] = {
            "put": self._put,
            "own": self._own,
            "again": self._another_run,
            "name": self._name,
            "move": self._name,
            "settle": self._settle,
            "settle move": self._settle_move,
            "fail": self._fail,
            "unbook": self.fences,
            "stamp": self.fences,
            "drop": self._last,
            "clean": self._last,
        }
        self._begins: dict[str, Callable[[State, int, Record | None], Iterator[Step]]] = {
            "W": self._request,
            "R": self._look,
            "D": self._delete,
            "H": self._plan_move,
            "F": self._failure,
        }

    def of(self, state: State, index: int, me: Process) -> Iterator[Step]:
        """Yield each step that a process may take."""
        if me.at == "idle":
            return self._begins[me.kind](state, index, state.record)
        return self._places[me.at](state, index, me)

    # Create.

    def _request(self, state: State, index: int, record: Record | None) -> Iterator[Step]:
        # It may have read the record long ago, or not at all.
        drawn, life = state.draw()
        for planned, naming in self.namings(drawn):
            yield (
                f"plans run {naming.run}",
                self.go(planned, index, at="put", life=life, revision=1, current=naming),
            )
        if record is None:
            return
        if record.status == "settled":
            yield "answers what stands", state._replace(acknowledged=record.life)
        elif record.status == "claiming" and self.adopts:
            # The deadline of the earlier worker may have passed by now.
            yield from self._takes(state, index, record, "again")

    def _put(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = done.record
            if not held and "put-by-life" not in self.rules:
                return self.go(done, index, at="own", life=record.life if record else me.life)
            fresh = record is not None and record.life == me.life and record.revision == 1
            return self.go(done, index, at="own") if fresh else self.end(done, index)

        goes_on = None if "put-definite" in self.rules else self.go(state, index, at="own")
        yield from self.sends(state, index, "records", then, goes_on)

    def _own(self, state: State, index: int, me: Process) -> Iterator[Step]:
        moves = me.kind == "H"
        refused, owned = ("clean", "settle move") if moves else ("again", "settle")

        def given_up(done: State) -> State:
            return self.go(done, index, at=refused, todo=())

        goes_on = None if "own-definite" in self.rules else given_up(state)
        yield from self.sends(
            state,
            index,
            f"owns run {_run(me)}",
            lambda done, held: self.go(done, index, at=owned) if held else given_up(done),
            goes_on,
        )

    def _another_run(self, state: State, index: int, _me: Process) -> Iterator[Step]:
        at = "name" if "name-first" in self.rules else "own"
        for planned, naming in self.namings(state):
            yield f"plans run {naming.run}", self.go(planned, index, at=at, current=naming)
        yield "gives up", self.go(state, index, at="drop", current=None)

    def _name(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = done.record
            lost = record is not None and record.life == me.life and me.current in record.names
            if held or (record is not None and lost and record.revision == me.revision + 1):
                return self.go(done, index, at="own", revision=me.revision + 1)
            return self.end(done, index)

        definite = "name-definite" in self.rules
        goes_on = None if definite else self.go(state, index, at="own", revision=me.revision + 1)
        yield from self.sends(state, index, f"names run {_run(me)}", then, goes_on)

    def _settle(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = done.record
            if record is not None and (held or self._sees_itself(record, me)):
                told = record.life if record.status == "settled" else done.acknowledged
                return self.end(done, index)._replace(acknowledged=told)
            return self._undoes(done, index, me)

        yield from self.sends(state, index, "settles", then)

    def _sees_itself(self, record: Record, me: Process) -> bool:
        mine = record.life == me.life and record.placement == me.current
        return mine and "look-before-undo" in self.rules

    def _undoes(self, state: State, index: int, me: Process) -> State:
        if "undo" not in self.rules or me.current is None:
            return self.end(state, index)
        return self.begins_fences(state, index, (me.current,), "idle", life=0, revision=0, current=None)

    # Completion of unfinished work.

    def _look(self, state: State, index: int, record: Record | None) -> Iterator[Step]:
        if record is None:
            return
        known = {"life": record.life, "revision": record.revision}
        if record.status == "claiming":
            if "take-over-first" in self.rules:
                yield from self._takes(state, index, record, "drop")
            else:
                yield "finds it claiming", self.begins_fences(state, index, record.names, "drop", **known)
        elif record.status == "going":
            yield "tears down", self._tears_down(state, index, record)
        elif record.beside() and "look-at-names" in self.rules:
            if "bump-first" in self.rules:
                yield from self._raises(state, index, record)
            else:
                yield "finds more names", self.begins_fences(state, index, record.beside(), "clean", **known)

    def _tears_down(self, state: State, index: int, record: Record) -> State:
        kept = (record.placement,) if record.placement else ()
        todo = record.names if "teardown-by-names" in self.rules else kept
        known = {"life": record.life, "revision": record.revision}
        if "release-before-removal" in self.rules:
            return self.begins_fences(state, index, todo, "drop", **known)
        return self.go(state, index, at="drop", todo=todo, **known)

    def _takes(self, state: State, index: int, record: Record, then: str) -> Iterator[Step]:
        def taken(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            if not held or done.record is None:
                return done
            known = {"life": record.life, "revision": done.record.revision}
            return self.begins_fences(done, index, record.names, then, **known)

        write = ("take over", record.life, record.revision)
        yield from self.reads_and_sends(state, "takes over", write, taken)

    def _raises(self, state: State, index: int, record: Record) -> Iterator[Step]:
        def raised(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            if not held or done.record is None:
                return done
            known = {"life": record.life, "revision": done.record.revision}
            return self.begins_fences(done, index, record.beside(), "clean", **known)

        write = ("raise", record.life, record.revision)
        yield from self.reads_and_sends(state, "raises the revision", write, raised)

    def _last(self, state: State, index: int, me: Process) -> Iterator[Step]:
        what = "removes the record" if me.at == "drop" else "forgets other names"
        yield from self.sends(
            state, index, what, lambda done, _: self.begins_fences(done, index, me.todo, "idle")
        )

    # Customer and workflow.

    def _delete(self, state: State, _index: int, record: Record | None) -> Iterator[Step]:
        if record is not None and record.status in ("settled", "error"):
            write = ("delete", record.life, record.revision)
            yield from self.reads_and_sends(state, "deletes", write, lambda done, _: done)

    def _failure(self, state: State, index: int, record: Record | None) -> Iterator[Step]:
        if record is None or record.status != "settled" or record.placement is None:
            return
        known = {"life": record.life, "revision": record.revision}
        if "error-first" in self.rules:
            yield "fails to provision", self.go(state, index, at="fail", **known)
        else:
            todo = (record.placement,)
            yield "fails to provision", self.begins_fences(state, index, todo, "fail", **known)

    def _fail(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def failed(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = done.record
            if not held or record is None:
                return self.end(done, index)
            return self.begins_fences(done, index, record.names, "clean", revision=record.revision)

        yield from self.sends(state, index, "records the failure", failed)

    # Moves of a settled holder.

    def _plan_move(self, state: State, index: int, record: Record | None) -> Iterator[Step]:
        if record is None or record.status != "settled":
            return
        if "one-move" in self.rules and record.beside():
            return
        old = (record.placement,) if record.placement else ()
        for planned, naming in self.namings(state):
            known = {"life": record.life, "revision": record.revision, "current": naming, "todo": old}
            yield f"plans a move to run {naming.run}", self.go(planned, index, at="move", **known)

    def _settle_move(self, state: State, index: int, me: Process) -> Iterator[Step]:
        def then(done: State, held: bool) -> State:  # noqa: FBT001 - what a write came to
            record = done.record
            if record is not None and (held or self._sees_itself(record, me)):
                return self._leaves(done, index, me, record)
            return self._undoes(done, index, me)

        yield from self.sends(state, index, "settles the move", then)

    def _leaves(self, state: State, index: int, me: Process, record: Record) -> State:
        """Return the state in which a mover that has settled begins to fence its earlier run."""
        if "move-ends-its-own" in self.rules:
            known = {"revision": me.revision + 1, "current": None}
            return self.begins_fences(state, index, me.todo, "clean", **known)
        known = {"revision": record.revision, "current": None}
        return self.begins_fences(state, index, record.beside(), "clean", **known)


def _run(process: Process) -> int | None:
    return process.current.run if process.current else None

"""Processes that work on the same pod as the holder.

sync (S)        withdraws a domain from the fleet, and restores it
audit (A)       frees bookings that no record names
part (V)        owns a part of the shared domain and releases it, repeatedly, each time as another holder
old (O)         the same with the whole shared domain in the old form: eight bytes, and no booking
asker (Q)       requests capacity, and is refused or has to try again
rival           owns a free run and releases it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.protocol.state import SHARED, Booking, Naming
from proof.protocol.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Process, Record, Runs, State
    from proof.protocol.steps import Step


class Bystanders(Steps):
    """The steps of the processes that work on the same pod as the holder."""

    def __init__(self, rules: AbstractSet[str], runs: Runs) -> None:
        super().__init__(rules, runs)
        self._kinds: dict[str, Callable[[State, int, Process], Iterator[Step]]] = {
            "S": self._sync,
            "A": self._audit,
            "V": self._part,
            "O": self._part,
            "Q": self._asker,
        }

    def of(self, state: State, index: int, me: Process) -> Iterator[Step]:
        """Yield each step that a process may take."""
        return self._kinds[me.kind](state, index, me)

    def rival(self, state: State) -> Iterator[Step]:
        """Yield each step of another holder of whole runs."""
        for number, domains in enumerate(self.runs):
            if self.database.is_free(state.pod, number):
                drawn, tag = state.draw()
                old = drawn.pod
                stamps = tuple([tag if at in domains else stamp for at, stamp in enumerate(old.stamps)])
                booked = old.bookings | {Booking(tag, number, is_rival=True)}
                yield (
                    f"rival owns run {number}",
                    drawn._replace(pod=old._replace(stamps=stamps, bookings=booked)),
                )
        for booking in state.pod.bookings:
            if booking.is_rival:
                pod = state.pod._replace(bookings=state.pod.bookings - {booking})
                yield f"rival gives run {booking.run} back", state._replace(pod=pod)

    def _sync(self, state: State, index: int, me: Process) -> Iterator[Step]:
        pod = state.pod
        if me.at == "withdraw":
            yield from self.sends(
                state, index, f"withdraws domain {SHARED}", lambda done, _: self.end(done, index)
            )
        elif pod.withdrawn:
            write = ("restore", pod.version)
            yield from self.reads_and_sends(
                state, f"brings domain {SHARED} back", write, lambda done, _: done
            )
        elif not self.database.booked(pod, SHARED) and not isinstance(pod.stamps[SHARED], frozenset):
            known = {"found": pod.stamps[SHARED], "revision": pod.version}
            yield "reads the pod", self.go(state, index, at="withdraw", **known)

    def _audit(self, state: State, index: int, me: Process) -> Iterator[Step]:
        ours = frozenset(booking for booking in state.pod.bookings if not booking.is_rival)
        if me.at == "idle" and "audit-reads-pod-first" in self.rules:
            yield "reads the pod", self.go(state, index, at="look", found=ours)
        elif me.at == "idle":
            yield "reads the record", self.go(state, index, at="look", todo=self._spared(state.record))
        elif me.at == "look" and me.found is None:
            yield "reads the pod", self._frees(state, index, ours, me.todo)
        elif me.at == "look":
            record = state.record
            lacking = tuple(n for n in record.names if n.tag not in _tags(me.found)) if record else ()
            if lacking and "audit-marks-nothing" not in self.rules:
                yield "reads the record", self.go(state, index, at="mark", todo=lacking, found=None)
            else:
                yield "reads the record", self._frees(state, index, me.found, self._spared(record))
        elif me.at == "mark":
            yield from self.sends(state, index, "books what is named", lambda done, _: self.end(done, index))
        else:
            yield from self.fences(state, index, me)

    def _frees(
        self, state: State, index: int, found: frozenset[Booking], spared: tuple[Naming, ...]
    ) -> State:
        kept = {naming.tag for naming in spared}
        nobodys = tuple(Naming(one.tag, one.run, (), 0) for one in sorted(found) if one.tag not in kept)
        return self.begins_fences(state, index, nobodys, "idle", found=None)

    def _spared(self, record: Record | None) -> tuple[Naming, ...]:
        if record is None:
            return ()
        if "audit-spares-names" in self.rules:
            return record.names
        return (record.placement,) if record.status == "settled" and record.placement else ()

    def _part(self, state: State, index: int, me: Process) -> Iterator[Step]:
        pod, mine = state.pod, state.others[index]
        value = pod.stamps[SHARED]
        is_map = isinstance(value, frozenset)
        if me.at != "idle":
            what = "takes" if me.at == "take part" else "gives back"
            yield from self.sends(state, index, what, lambda done, _: self.end(done, index))
        elif mine.life:
            drawn, fresh = state.draw()
            known = {"found": value, "fresh": fresh, "life": mine.life, "revision": mine.revision}
            if is_map and index in value:
                yield "ends", self.go(drawn, index, at="give part", **known)
        elif self._has_room(state, index):
            drawn, life = state.draw()
            yield "plans", self.go(drawn, index, at="take part", life=life, found=value)

    def _has_room(self, state: State, index: int) -> bool:
        pod, kinds = state.pod, [process.kind for process in state.processes]
        value = pod.stamps[SHARED]
        if isinstance(value, frozenset):
            return kinds[index] == "V" and all(kinds[who] == "V" for who in value)
        return not pod.withdrawn and not self.database.booked(pod, SHARED)

    def _asker(self, state: State, index: int, me: Process) -> Iterator[Step]:
        if me.at == "idle":
            if not any(self.database.is_free(state.pod, run) for run in range(len(self.runs))):
                yield "finds no room", self.go(state, index, at="look", found=state.pod.bookings)
            return
        record = state.record
        settled = {record.placement.tag} if record is not None and record.placement else set()
        explained = all(one.is_rival or one.tag in settled for one in me.found)
        if "no-by-settled" in self.rules and not explained:
            yield "says: try again", self.end(state, index)
        else:
            wrong = "" if explained else "a refusal that no settled holder explains"
            yield "says: no", self.end(state, index)._replace(wrong=state.wrong or wrong)


def _tags(found: frozenset[Booking]) -> set[int]:
    return {booking.tag for booking in found}

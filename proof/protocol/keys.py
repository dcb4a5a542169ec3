"""Canonical keys of states: random values are numbered, and irrelevant details are left out.

The rules imply which details are irrelevant. An overwritten stamp never returns, so of the stamps that a
naming saw it matters only whether all of them, or the first one, are still current. A life with a tombstone
and an earlier revision never return, so of what a process knows of a record it matters only whether it is
still true. Writes that can never be applied any more are dropped. A write that names a revision is applied at
most once; if late, it equals the write of a slow sender.

If one of those rules is left out, the keys have all details. ``tests/proof/test_protocol_keys.py`` tests that
states with the same key behave alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from proof.protocol.state import SHARED, Holder
from proof.protocol.steps import sent_at
from proof.protocol.writes import RECORD_WRITES

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Naming, Process, Record, Runs, State, Write

STAMPS_NEVER_RETURN: Final = frozenset(
    (
        "stamp-condition", "resend-by-booking", "stamps-stay", "tag-per-naming", "version-rises",
        "parts-leave-stamp", "part-with-record", "old-leaves-stamp", "old-form-known",
        "audit-marks-nothing",
    )
)  # fmt: skip
"""The rules that imply that an overwritten stamp never returns."""

RECORDS_NEVER_RETURN: Final = frozenset(
    ("life", "revision", "tombstone", "tombstones-add-up", "put-definite", "put-by-life")
)
"""The rules that imply that ended lives and earlier revisions never return."""

_KINDS: Final = (
    "put", "own", "unbook", "stamp", "mark", "name", "move", "settle", "settle move", "take over", "raise",
    "fail", "delete", "clean", "drop", "take part", "give part", "withdraw", "restore",
)  # fmt: skip
_NUMBER: Final = {kind: number for number, kind in enumerate(_KINDS)}
_SINGLE: Final = ("own", "unbook", "stamp")
"""Writes of a pod alone, whose conditions name no revision."""

_MAP: Final = 1000
_ALIVE, _FIRST, _DEAD = 2, 1, 0


class Keys:
    """Computes the key of a state, and drops writes that can never be applied."""

    def __init__(self, dropped: AbstractSet[str], runs: Runs) -> None:
        self.runs = runs
        self.looks_at_stamps = bool(dropped & STAMPS_NEVER_RETURN)
        self.looks_at_records = bool(dropped & RECORDS_NEVER_RETURN)

    def prune(self, state: State) -> State:
        """Return the state without writes that can have no effect any more."""
        if not state.under_way:
            return state
        standing = {sent_at(index, one) for index, one in enumerate(state.processes) if one.at != "idle"}
        kept = frozenset(
            [
                write
                for write in self._told_apart(state.under_way, standing)
                if self.may_land(state, write) and (write in standing or self._outlasts(write[0]))
            ]
        )
        return state if len(kept) == len(state.under_way) else state._replace(under_way=kept)

    def _told_apart(self, writes: AbstractSet[Write], standing: AbstractSet[Write | None]) -> list[Write]:
        """Drop all stamps for one naming but one: only the first is ever applied, and all are new values."""
        if self.looks_at_stamps:
            return list(writes)
        stamps = {write[1]: write for write in writes - standing if write[0] == "stamp"}
        return [write for write in writes if write[0] != "stamp" or write in standing] + [*stamps.values()]

    def _outlasts(self, kind: str) -> bool:
        """Whether a late write whose sender has continued or died differs from that of a slow sender."""
        return self.looks_at_records or self.looks_at_stamps or kind in _SINGLE

    def of(self, state: State) -> tuple[Any, ...]:
        """The key of a pruned state."""
        return _Numbering(self, state).key()

    def stands(self, state: State, naming: Naming) -> int:
        """Whether all stamps that a naming saw are current, or the first one, or not that either."""
        stamps, domains = state.pod.stamps, self.runs[naming.run]
        if not naming.seen or stamps[domains[0]] != naming.seen[0]:
            return _DEAD
        if naming.version != state.pod.version:
            return _FIRST
        for domain, seen in zip(domains, naming.seen, strict=True):
            if stamps[domain] != seen:
                return _FIRST
        return _ALIVE

    def may_land(self, state: State, write: Write) -> bool:  # noqa: PLR0911 - one kind a line
        kind = write[0]
        if kind in RECORD_WRITES or kind == "put":
            return self.looks_at_records or _record_may_become(state, write)
        if kind in ("take part", "give part"):
            return self.looks_at_records or self.looks_at_stamps or _part_may_become(state, write)
        if self.looks_at_stamps:
            return True
        if kind == "own":
            return self.stands(state, write[1]) == _ALIVE
        if kind == "stamp":
            return self.stands(state, write[1]) != _DEAD
        if kind == "unbook":
            return state.is_booked(write[1].tag) or self.stands(state, write[1]) == _ALIVE
        if kind == "withdraw":
            return bool(write[1] == state.pod.stamps[SHARED] and write[2] == state.pod.version)
        return bool(kind != "restore" or write[1] == state.pod.version)


def _record_may_become(state: State, write: Write) -> bool:
    record, life = state.record, write[1]
    if life in state.gone:
        return False
    if record is None or record.life != life:
        return True
    return write[0] != "put" and bool(write[2] == record.revision)


def _part_may_become(state: State, write: Write) -> bool:
    if write[0] == "give part":
        return bool(Holder(*write[4:]) == state.others[write[1]])
    _, who, life, seen = write
    if life in state.gone or state.others[who].life == life:
        return False
    return isinstance(seen, frozenset) or bool(seen == state.pod.stamps[SHARED])


class _Numbering:
    """Numbers the random values of one state by first appearance."""

    def __init__(self, keys: Keys, state: State) -> None:
        self.keys, self.state = keys, state
        self.tags: dict[int, int] = {}
        self.lives: dict[int, int] = {state.record.life: 1} if state.record else {}
        self.by_stamps, self.by_records = keys.looks_at_stamps, keys.looks_at_records

    def key(self) -> tuple[Any, ...]:
        state, pod = self.state, self.state.pod
        record = self._record(state.record)
        processes = tuple([self._process(state.processes[index]) for index in self._order()])
        under_way = self._under_way()
        rivals = tuple(sorted([booking.run for booking in pod.bookings if booking.is_rival]))
        ours = sorted(
            [(one.run, self.tags.get(one.tag, 99), one.tag) for one in pod.bookings if not one.is_rival]
        )
        booked = tuple([(run, self._tag(tag)) for run, _, tag in ours])
        others = tuple([self._other(holder) for holder in state.others])
        told = state.acknowledged and self._life(state.acknowledged)
        key = (record, processes, under_way, rivals, booked, others, told, pod.withdrawn, state.wrong)
        return (*key, self._parts(), self._rest())

    def _rest(self) -> tuple[Any, ...]:
        """Details that matter only if a rule is left out."""
        stamps: tuple[Any, ...] = ()
        gone: tuple[int, ...] = ()
        if self.by_stamps:
            stamps = (self.state.pod.version, *[self._value(one) for one in self.state.pod.stamps])
        if self.by_records:
            gone = tuple(sorted([self._life(life) for life in sorted(self.state.gone, reverse=True)]))
        return stamps, gone

    def _parts(self) -> int:
        value = self.state.pod.stamps[SHARED] if len(self.state.pod.stamps) > SHARED else 0
        return self._map(value) if isinstance(value, frozenset) else 0

    def _order(self) -> list[int]:
        """Sort the processes: workers and reconciles in the same place are interchangeable."""
        places = [self._place(one) for one in self.state.processes]
        return sorted(range(len(places)), key=places.__getitem__)

    def _place(self, one: Process) -> tuple[Any, ...]:
        """The place of a process, with the values of the record, which are numbered first, and no others."""
        if one.kind not in "WR" or one.at == "idle":
            return (one.kind, "")
        life = 0 if one.life in self.state.gone else self.lives.get(one.life, 99)
        known = (one.at, one.then, len(one.todo), life, self._revision(one))
        current = one.current
        if current is None:
            return (one.kind, *known)
        return (
            one.kind,
            *known,
            self.tags.get(current.tag, 99),
            current.run,
            self.keys.stands(self.state, current),
        )

    def _record(self, record: Record | None) -> tuple[Any, ...]:
        if record is None:
            return ()
        names = tuple([self._naming(naming) for naming in record.names])
        placed = record.placement and self._naming(record.placement)
        life = (self._life(record.life), record.revision) if self.by_records else ()
        return (record.status, names, placed, life)

    def _process(self, one: Process) -> tuple[Any, ...]:
        if one.at == "idle":
            return (one.kind,)
        return (
            one.kind,
            one.at,
            one.then,
            one.life and self._life(one.life),
            self._revision(one),
            one.current and self._naming(one.current),
            tuple([self._naming(naming) for naming in one.todo]),
            self._found(one),
            self._value(one.fresh) if self.by_stamps else 0,
        )

    def _revision(self, one: Process) -> int:
        record = self.state.record
        if self.by_records or not one.life:
            return one.revision
        if one.kind in "VO":
            return 0
        return min(2, record.revision - one.revision) if record and record.life == one.life else 0

    def _found(self, one: Process) -> Any:
        if one.found is None:
            return 0
        if one.kind in "AQ":
            return tuple(sorted([(it.run, it.is_rival, self._tag(it.tag)) for it in sorted(one.found)]))
        return self._seen(one.found, one.revision if one.kind == "S" else self.state.pod.version)

    def _seen(self, value: Any, version: int) -> int:
        """What was read of the shared domain: a map, or whether the stamp is still current."""
        if self.by_stamps:
            return self._value(value) * 100 + version
        if isinstance(value, frozenset):
            return self._map(value)
        pod = self.state.pod
        return int(value == pod.stamps[SHARED] and version == pod.version)

    @staticmethod
    def _map(value: frozenset[int]) -> int:
        return _MAP + sum(1 << who for who in value)

    def _naming(self, naming: Naming) -> tuple[int, ...]:
        tag = self._tag(naming.tag)
        if self.by_stamps:
            return (tag, naming.run, naming.version, *[self._value(one) for one in naming.seen])
        return (tag, naming.run, self.keys.stands(self.state, naming))

    def _tag(self, tag: int) -> int:
        return self.tags.setdefault(tag, len(self.tags)) if tag < 0 else -tag

    def _value(self, value: Any) -> int:
        return self._map(value) if isinstance(value, frozenset) else self._tag(value)

    def _life(self, life: int) -> int:
        if not self.by_records and life in self.state.gone:
            return 0
        return self.lives.setdefault(life, len(self.lives) + 2)

    def _other(self, holder: Holder) -> int:
        if not self.by_records:
            return int(bool(holder.life))
        return holder.life and self._life(holder.life)

    def _under_way(self) -> tuple[Any, ...]:
        if not self.state.under_way:
            return ()
        standing = {sent_at(index, one) for index, one in enumerate(self.state.processes)}
        left = self.state.under_way - standing
        known = sorted([(self._blind(write), write) for write in left], key=_first)
        return tuple(sorted([self._write(write) for _, write in known]))

    def _blind(self, write: Write) -> tuple[int, ...]:
        """A sort key of writes that does not depend on values without a number."""
        codes = [_NUMBER[write[0]]]
        for part in write[1:]:
            if isinstance(part, tuple):
                codes += (part[1], self.keys.stands(self.state, part), self.tags.get(part[0], 99))  # type: ignore[arg-type]
            elif isinstance(part, int):
                codes.append(part if part >= 0 else self.lives.get(part, self.tags.get(part, 99)))
        return tuple(codes)

    def _write(self, write: Write) -> tuple[Any, ...]:  # noqa: PLR0911 - one kind a line
        kind, number = write[0], _NUMBER[write[0]]
        if kind in ("own", "unbook", "mark"):
            return (number, self._naming(write[1]))
        if kind == "stamp":
            fresh = (self._value(write[2]),) if self.by_stamps else ()
            return (number, self._naming(write[1]) + fresh)
        if kind == "put":
            return (number, (self._life(write[1]), *self._naming(write[2])))
        if kind == "take part":
            return (number, (write[1], self._life(write[2]), self._seen(write[3], self.state.pod.version)))
        if kind == "give part":
            return (
                number,
                (write[1], self._seen(write[2], self.state.pod.version), *self._rest_of_give(write)),
            )
        if kind in ("withdraw", "restore"):
            if not self.by_stamps:
                return (number, ())
            return (number, tuple([self._value(part) for part in write[1:]]))
        life, revision, *rest = write[1:]
        told = (self._life(life), revision) if self.by_records else (self._life(life),)
        return (number, told + (self._naming(rest[0]) if rest else ()))

    def _rest_of_give(self, write: Write) -> tuple[int, ...]:
        fresh = self._value(write[3]) if self.by_stamps else 0
        return (fresh, self._life(write[4]) if self.by_records else 0, write[5] if self.by_records else 0)


def _first(pair: tuple[tuple[int, ...], Write]) -> tuple[int, ...]:
    return pair[0]

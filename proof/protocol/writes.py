"""What the database makes of each write: the state after it, and whether its condition held.

A rule that is left out shows what it is for: see ``RULES`` and the scenarios.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from proof.protocol.state import PARTS, SHARED, Booking, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Naming, Pod, State

RULES: Final = {
    "stamp-condition": "an own demands every stamp of its run as the plan saw it",
    "stamps-stay": "a release leaves the stamps (dropped: it puts the earlier ones back)",
    "fence": "a run whose own was not answered is fenced by a fresh stamp (dropped: its booking is removed)",
    "fence-definite": "a fence or a release is sent again until it is answered",
    "put-definite": "the record stands before the first own is sent",
    "name-first": "another run stands in the record before its own is sent",
    "name-definite": "a naming is sent again until it is answered, before its own is sent",
    "life": "every condition on a record names its life (dropped: the revision alone)",
    "revision": "every condition on a record names its revision (dropped: the life alone)",
    "look-before-undo": "a settle that is refused reads what stands before it undoes anything",
    "undo": "a settle that is refused releases what it booked",
    "take-over-first": "a record is taken over before its runs are fenced",
    "bump-first": "a record's revision is raised before names beside its placement are fenced",
    "teardown-by-names": "a teardown fences every run that the record names (dropped: its placement alone)",
    "move-keeps-names": "a move settles with the old run still named (dropped: it forgets it first)",
    "one-move": "a record that names more than its placement begins no move",
    "look-at-names": "a record that names more than its placement is looked at again, whatever its status",
    "audit-spares-names": "the audit frees nothing that a record names, settled or not",
    "audit-reads-pod-first": "the audit reads the pod before the record that might name what is there",
    "tombstone": "a removal leaves the life behind: a late put of it is refused",
    "tag-per-naming": "every naming draws a tag of its own (dropped: one tag for a life)",
    "version-rises": "a topology version never comes back (dropped: a sync puts the earlier one back)",
    "parts-leave-stamp": "the last part of a domain leaves a fresh stamp (dropped: it leaves nothing)",
    "part-with-record": "a write of a part carries its record's revision (dropped: the map's value alone)",
}

Write = tuple[Any, ...]
Then: TypeAlias = "Callable[[State, bool], State]"


def apply(rules: AbstractSet[str], state: State, write: Write) -> tuple[State, bool]:
    """The state after a write, and whether its condition held."""
    kind = write[0]
    if kind in _POD_WRITES:
        done: tuple[State, bool] = _POD_WRITES[kind](rules, state, *write[1:])
        return done
    return _record_write(rules, state, *write)


def _own(rules: AbstractSet[str], state: State, naming: Naming) -> tuple[State, bool]:
    pod = state.pod
    if state.has(naming.tag):
        return state, True
    run = state.runs[naming.run]
    if pod.version != naming.version:
        return state, False
    if "stamp-condition" in rules:
        if tuple(pod.stamps[domain] for domain in run) != naming.seen:
            return state, False
    elif naming.run not in state.free_runs():
        return state, False
    wrong = "" if naming.run in state.free_runs() else "a domain is owned twice"
    stamps = tuple(naming.tag if domain in run else stamp for domain, stamp in enumerate(pod.stamps))
    booked = pod.bookings | {_booking(naming)}
    return state._replace(pod=pod._replace(stamps=stamps, bookings=booked), wrong=state.wrong or wrong), True


def _unbook(rules: AbstractSet[str], state: State, naming: Naming) -> tuple[State, bool]:
    pod = state.pod
    found = {booking for booking in pod.bookings if booking.tag == naming.tag}
    if not found:
        return state, False
    stamps = pod.stamps
    if "stamps-stay" not in rules:
        earlier = dict(zip(state.runs[naming.run], naming.seen, strict=True))
        stamps = tuple(earlier.get(domain, stamp) for domain, stamp in enumerate(stamps))
    record = state.record
    placed = record.placement if record is not None and record.status == "settled" else None
    settled = placed is not None and _booking(placed) in found
    wrong = "what a settled record owns is released" if settled else ""
    released = pod._replace(stamps=stamps, bookings=pod.bookings - found)
    return state._replace(pod=released, wrong=state.wrong or wrong), True


def _booking(naming: Naming) -> Booking:
    return Booking(naming.tag, naming.run, is_rival=False)


def _stamp(_rules: AbstractSet[str], state: State, naming: Naming, fresh: int) -> tuple[State, bool]:
    pod, first = state.pod, state.runs[naming.run][0]
    if pod.stamps[first] != naming.seen[0] or state.has(naming.tag):
        return state, False
    stamps = tuple(fresh if domain == first else stamp for domain, stamp in enumerate(pod.stamps))
    return state._replace(pod=pod._replace(stamps=stamps)), True


def _take_part(rules: AbstractSet[str], state: State, seen: int, revision: int) -> tuple[State, bool]:
    pod = state.pod
    if pod.stamps[SHARED] != seen or ("part-with-record" in rules and revision != state.part_revision):
        return state, False
    booked = any(SHARED in state.runs[booking.run] for booking in pod.bookings)
    wrong = "a part of a domain that is owned whole is sold" if booked or pod.part else ""
    owned = pod._replace(stamps=_shared(pod, PARTS), part=True)
    return state._replace(pod=owned, part_revision=revision + 1, wrong=state.wrong or wrong), True


def _give_part(rules: AbstractSet[str], state: State, left: int, revision: int) -> tuple[State, bool]:
    pod = state.pod
    if pod.stamps[SHARED] != PARTS or ("part-with-record" in rules and revision != state.part_revision):
        return state, False
    return state._replace(
        pod=pod._replace(stamps=_shared(pod, left), part=False), part_revision=revision + 1
    ), True


def _shared(pod: Pod, value: int) -> tuple[int, ...]:
    return tuple(value if domain == SHARED else stamp for domain, stamp in enumerate(pod.stamps))


_POD_WRITES: Final[dict[str, Any]] = {
    "own": _own,
    "unbook": _unbook,
    "stamp": _stamp,
    "take part": _take_part,
    "give part": _give_part,
}


def _record_write(
    rules: AbstractSet[str], state: State, kind: str, life: int, *rest: Any
) -> tuple[State, bool]:
    record = state.record
    if kind == "put":
        if record is not None or life in state.gone:
            return state, False
        return state._replace(record=Record("claiming", life, 1, (rest[0],), None)), True
    revision, further = rest[0], rest[1:]
    if (
        record is None
        or ("life" in rules and record.life != life)
        or ("revision" in rules and record.revision != revision)
    ):
        return state, False
    if kind == "drop" and record.status in ("claiming", "going"):
        gone = state.gone | {record.life} if "tombstone" in rules else state.gone
        return state._replace(record=None, gone=gone), True
    after = _changed(rules, record, kind, *further)
    if after is None:
        return state, False
    deleted = state.deleted or kind == "delete"
    return state._replace(record=after._replace(revision=record.revision + 1), deleted=deleted), True


def _changed(rules: AbstractSet[str], record: Record, kind: str, *rest: Any) -> Record | None:
    """The record after a write that keeps it, None where its status does not allow it."""
    match kind, record.status:
        case ("name", "claiming") | ("move", "settled"):
            return record._replace(names=(*record.names, rest[0]))
        case ("settle", "claiming") | ("settle move", "settled"):
            placed: Naming = rest[0]
            names = record.names if kind == "settle" or "move-keeps-names" in rules else (placed,)
            # Of the other names each was refused for good, or was fenced by who took the record over.
            names = (placed,) if kind == "settle" else names
            return record._replace(status="settled", placement=placed, names=names)
        case ("take over", "claiming") | ("raise", "settled"):
            return record
        case ("delete", "settled"):
            return record._replace(status="going")
        case ("clean", "settled"):
            return record._replace(names=(record.placement,) if record.placement else ())
    return None


def send(
    rules: AbstractSet[str],
    state: State,
    what: str,
    write: Write,
    then: Then,
    unanswered: Callable[[State], State],
) -> Iterator[tuple[str, State]]:
    """A write that is answered, or applied without an answer, or under way without one."""
    done, holds = apply(rules, state, write)
    yield f"{what}: {'ok' if holds else 'refused'}", then(done, holds)
    if state.budget.unanswered:
        fewer = state.budget._replace(unanswered=state.budget.unanswered - 1)
        if holds:
            yield f"{what}: applied, unanswered", unanswered(done._replace(budget=fewer))
        pending = state._replace(budget=fewer, under_way=state.under_way | {write})
        yield f"{what}: under way, unanswered", unanswered(pending)

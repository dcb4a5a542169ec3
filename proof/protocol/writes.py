"""The effect of each write on the database: the state after it, and whether its condition held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from proof.protocol.state import NEVER, SHARED, Booking, Holder, Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Naming, Pod, Runs, State, Write

    Done = tuple[State, bool]


class Database:
    """Applies writes under the given rules."""

    def __init__(self, rules: AbstractSet[str], runs: Runs) -> None:
        self.rules = rules
        self.runs = runs
        self._kinds: dict[str, Callable[..., Done]] = {
            "own": self._own,
            "unbook": self._unbook,
            "stamp": self._stamp,
            "mark": self._mark,
            "take part": self._take_part,
            "give part": self._give_part,
            "withdraw": self._withdraw,
            "restore": self._restore,
            "put": self._put,
        }

    def apply(self, state: State, write: Write) -> Done:
        """Return the state after a write, and whether its condition held."""
        judge = self._kinds.get(write[0])
        return judge(state, *write[1:]) if judge else self._change(state, *write)

    def is_free(self, pod: Pod, run: int) -> bool:
        """Whether nothing of a run is owned, according to the pod's item."""
        domains = self.runs[run]
        if pod.withdrawn and SHARED in domains:
            return False
        if any(isinstance(pod.stamps[domain], frozenset) for domain in domains):
            return False
        return not any(self._meet(booking.run, run) for booking in pod.bookings)

    def booked(self, pod: Pod, domain: int) -> bool:
        """Whether a booking includes a domain."""
        return any(domain in self.runs[booking.run] for booking in pod.bookings)

    def _meet(self, run: int, other: int) -> bool:
        return not set(self.runs[run]).isdisjoint(self.runs[other])

    # Whole domains.

    def _own(self, state: State, naming: Naming) -> Done:
        pod, domains = state.pod, self.runs[naming.run]
        if "resend-by-booking" in self.rules:
            again = state.is_booked(naming.tag)
        else:
            again = pod.stamps[domains[0]] == naming.tag
        if not again and not self._may_own(pod, naming):
            return state, False
        others = frozenset(booking for booking in pod.bookings if booking.tag != naming.tag)
        rest = pod._replace(bookings=others)
        wrong = "" if self.is_free(rest, naming.run) else "a domain is owned twice"
        return _wrong(state, wrong)._replace(pod=self._with_booking(rest, naming)), True

    def _may_own(self, pod: Pod, naming: Naming) -> bool:
        if pod.version != naming.version:
            return False
        if "stamp-condition" not in self.rules:
            return self.is_free(pod, naming.run)
        return tuple([pod.stamps[domain] for domain in self.runs[naming.run]]) == naming.seen

    def _with_booking(self, pod: Pod, naming: Naming) -> Pod:
        domains = self.runs[naming.run]
        stamps = tuple([naming.tag if at in domains else stamp for at, stamp in enumerate(pod.stamps)])
        booked = pod.bookings | {Booking(naming.tag, naming.run, is_rival=False)}
        return pod._replace(stamps=stamps, bookings=booked)

    def _unbook(self, state: State, naming: Naming) -> Done:
        pod = state.pod
        found = frozenset(booking for booking in pod.bookings if booking.tag == naming.tag)
        if not found:
            return state, False
        stamps = pod.stamps
        if "stamps-stay" not in self.rules:
            earlier = dict(zip(self.runs[naming.run], naming.seen, strict=True))
            stamps = tuple(earlier.get(domain, stamp) for domain, stamp in enumerate(stamps))
        record = state.record
        settled = record is not None and record.status == "settled" and record.placement
        held = settled and any((one.tag, one.run) == (settled.tag, settled.run) for one in found)
        wrong = "what a settled record owns is released" if held else ""
        released = pod._replace(stamps=stamps, bookings=pod.bookings - found)
        return _wrong(state, wrong)._replace(pod=released), True

    def _stamp(self, state: State, naming: Naming, fresh: int) -> Done:
        pod, first = state.pod, self.runs[naming.run][0]
        if pod.stamps[first] != naming.seen[0] or state.is_booked(naming.tag):
            return state, False
        return state._replace(pod=_stamped(pod, first, fresh)), True

    def _mark(self, state: State, naming: Naming) -> Done:
        if not self.is_free(state.pod, naming.run):
            return state, False
        return state._replace(pod=self._with_booking(state.pod, naming)), True

    # Parts of a domain, and owners in the old form: each in one transaction with its record.

    def _take_part(self, state: State, who: int, life: int, seen: Any) -> Done:
        pod, mine = state.pod, state.others[who]
        stands = not mine.life and life not in state.gone
        if pod.stamps[SHARED] != seen or ("part-with-record" in self.rules and not stands):
            return state, False
        wrong = "a part of a domain that is owned whole is sold" if self.booked(pod, SHARED) else ""
        taken = (seen if isinstance(seen, frozenset) else frozenset()) | {who}
        done = _wrong(state, wrong)._replace(pod=_stamped(pod, SHARED, taken))
        return (_with_other(done, who, Holder(life, 1)) if stands else done), True

    def _give_part(self, state: State, who: int, seen: Any, fresh: int, *expected: int) -> Done:
        pod, mine = state.pod, state.others[who]
        stands = mine == Holder(*expected)
        if pod.stamps[SHARED] != seen or ("part-with-record" in self.rules and not stands):
            return state, False
        old = state.processes[who].kind == "O"
        stays = ("old-leaves-stamp" if old else "parts-leave-stamp") in self.rules
        left = seen - {who} or (fresh if stays else NEVER)
        done = state._replace(pod=_stamped(pod, SHARED, left))
        if not stands:
            return done, True
        gone = self._with_tombstone(state, mine.life)
        return _with_other(done, who, Holder())._replace(gone=gone), True

    # The fleet.

    def _withdraw(self, state: State, seen: Any, version: int) -> Done:
        pod = state.pod
        demanded = "sync-demands-stamp" in self.rules
        if pod.version != version or (demanded and pod.stamps[SHARED] != seen):
            return state, False
        held = self.booked(pod, SHARED) or isinstance(pod.stamps[SHARED], frozenset)
        wrong = "the sync withdraws what is owned" if held else ""
        return _wrong(state, wrong)._replace(pod=self._next(pod)._replace(withdrawn=True)), True

    def _restore(self, state: State, version: int) -> Done:
        if state.pod.version != version or not state.pod.withdrawn:
            return state, False
        return state._replace(pod=self._next(state.pod)._replace(withdrawn=False)), True

    def _next(self, pod: Pod) -> Pod:
        return pod._replace(version=pod.version + 1 if "version-rises" in self.rules else 3 - pod.version)

    # The record.

    def _put(self, state: State, life: int, naming: Naming) -> Done:
        if state.record is not None or life in state.gone:
            return state, False
        gone = state.gone if "tombstones-add-up" in self.rules else frozenset()
        return state._replace(record=Record("claiming", life, 1, (naming,), None), gone=gone), True

    def _change(self, state: State, kind: str, life: int, revision: int, *rest: Any) -> Done:
        record = state.record
        if (
            record is None
            or ("life" in self.rules and record.life != life)
            or ("revision" in self.rules and record.revision != revision)
        ):
            return state, False
        if kind == "drop":
            if record.status not in ("claiming", "going"):
                return state, False
            return state._replace(record=None, gone=self._with_tombstone(state, record.life)), True
        after = self._changed(record, kind, *rest)
        if after is None:
            return state, False
        told = 0 if kind == "delete" else state.acknowledged
        return state._replace(record=after._replace(revision=record.revision + 1), acknowledged=told), True

    def _changed(  # noqa: PLR0911 - one kind a line
        self, record: Record, kind: str, *rest: Any
    ) -> Record | None:
        """Return the record after a write that keeps it, or None if its status does not allow the write."""
        kept = (record.placement,) if record.placement else ()
        match kind, record.status:
            case "name", "claiming":
                # The earlier name was refused for good, or fenced by the process that took the record over.
                return record._replace(names=(rest[0],))
            case "move", "settled":
                return record._replace(names=(*record.names, rest[0]))
            case "settle", "claiming":
                return record._replace(status="settled", placement=rest[0], names=(rest[0],))
            case "settle move", "settled":
                names = record.names if "move-keeps-names" in self.rules else (rest[0],)
                return record._replace(placement=rest[0], names=names)
            case "take over", "claiming":
                return record
            case "raise", "settled" | "error":
                return record
            case "fail", "settled":
                names = record.names if "error-keeps-names" in self.rules else ()
                return record._replace(status="error", placement=None, names=names)
            case "delete", "settled" | "error":
                return record._replace(status="going")
            case "clean", "settled" | "error":
                return record._replace(names=kept)
        return None

    def _with_tombstone(self, state: State, life: int) -> frozenset[int]:
        return state.gone | {life} if "tombstone" in self.rules else state.gone


RECORD_WRITES: Final = frozenset(
    ("name", "move", "settle", "settle move", "take over", "raise", "fail", "delete", "clean", "drop")
)
"""Kinds of writes of an existing record: a life and a revision follow."""


def _wrong(state: State, problem: str) -> State:
    return state._replace(wrong=state.wrong or problem) if problem else state


def _stamped(pod: Pod, domain: int, value: Any) -> Pod:
    return pod._replace(stamps=tuple([value if at == domain else one for at, one in enumerate(pod.stamps)]))


def _with_other(state: State, who: int, holder: Holder) -> State:
    others = list(state.others)
    others[who] = holder
    return state._replace(others=tuple(others))

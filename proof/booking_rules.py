"""Invariants of reservations and pods, which do not change in one transaction.

A reservation is recorded with a run and a tag by name, the run is booked under that tag, and then the record
is settled with it. At every moment:

- a run is only booked under a tag that a live record names with that run, and every booking is named by a
  record; a run that is named need not be booked;
- a settled record owns every run that it lists, whole, until its teardown releases it;
- a booking ends only while its record is deprovisioning, has failed, is still claiming, or does not list it:
  because it is leaving, or named by a move that was not settled; in one write of record and pod it may be
  divided into others;
- a reservation that becomes provisioned has left what it moved away from, and names nothing else;
- a tag is used once: for one run of one record;
- the stamp of a domain never disappears and never takes an earlier value again; while a run is booked the
  stamp is the tag;
- a life that ended does not return, and a new life begins only after the old one has ended.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from testkit.items import CLAIMING, GONE, STAMP_BYTES, bookings_of, domains_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from testkit.items import Domain, Item, PodKey, Record, RecordKey, Run

TAG_DIGITS: Final = 2 * STAMP_BYTES
"""Longer tags belong to owners from before there were bookings."""

SETTLED: Final = frozenset({"pending", "provisioning", "provisioned"})
LEAVING: Final = "deprovisioning"
GIVES_UP: Final = frozenset({CLAIMING, LEAVING, "error"})


class BookingRules:
    """Tracks the bookings of pods and the records that name them; ``tell`` is called with each violation."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.bookings: dict[str, Run] = {}
        """Booked runs of all pods, by tag."""
        self.booked: list[str] = []
        """Tags whose bookings the last write made."""
        self.ended: list[tuple[str, Run]] = []
        """Bookings that the last write ended."""
        self._by_pod: defaultdict[PodKey, dict[str, Run]] = defaultdict(dict)
        self._values: dict[PodKey, dict[int, str]] = {}
        self._had: defaultdict[Domain, set[str]] = defaultdict(set)
        self._named: set[str] = set()
        self._bearers: dict[str, Record] = {}
        self._touched: dict[str, None] = {}
        self._once_booked: set[str] = set()
        self._borne: dict[str, RecordKey] = {}
        self.asked_to_release: set[RecordKey] = set()
        """Reservations of which customers have asked to release units."""
        self._over: defaultdict[RecordKey, set[str]] = defaultdict(set)

    def note_pod(self, pod: PodKey, item: Item, *, given: bool) -> None:
        """Note a write of a pod's ownership item."""
        before = self._by_pod[pod]
        now = {tag: (*pod, first, count) for tag, (first, count) in bookings_of(item).items()}
        self._by_pod[pod] = now
        for tag, run in before.items():
            if tag not in now:
                self.ended.append((tag, run))
                del self.bookings[tag]
            elif now[tag] != run:
                self._tell(f"the booking {tag} of {run} became one of {now[tag]}")
        for tag, run in now.items():
            if tag not in before:
                self.booked.append(tag)
                if tag in self._once_booked:
                    self._tell(f"{run} is booked under {tag}, which was a booking's before")
                self._once_booked.add(tag)
            self.bookings[tag] = run
        self._touched |= dict.fromkeys(before.keys() ^ now.keys())
        self._note_stamps(pod, values_of(item), given=given)
        for tag, (_, _, first, count) in now.items():
            if any(self._values[pod].get(first + n) != tag for n in range(count)):
                self._tell(f"{pod}: the domains of the booking {tag} have other stamps")

    def _note_stamps(self, pod: PodKey, now: dict[int, str], *, given: bool) -> None:
        before = self._values.get(pod, {})
        self._values[pod] = now
        if gone := before.keys() - now.keys():
            self._tell(f"{pod}: the domains {sorted(gone)} lost their stamps")
        for position, value in now.items():
            if value == before.get(position) or len(value) != TAG_DIGITS:
                continue
            had = self._had[*pod, position]
            if value in had and not given:
                self._tell(f"{(*pod, position)}: the stamp {value} is back")
            had.add(value)

    def note_record(
        self, key: RecordKey, before: Record | None, record: Record | None, *, given: bool
    ) -> None:
        """Note a write of a reservation."""
        was, now = before.runs if before else {}, record.runs if record else {}
        for tag in was:
            self._bearers.pop(tag, None)
        for tag, run in now.items():
            assert record is not None
            self._bearers[tag] = record
            self._borne[tag] = key
            if len(tag) == TAG_DIGITS and tag not in was:
                # One write may name a run and book it, where it divides another.
                earlier = tag in self._once_booked and tag not in self.booked
                if tag in self._named or (earlier and not given):
                    self._tell(f"{key} names {run} by {tag}, which was used before")
                self._named.add(tag)
            elif was.get(tag, run) != run:
                self._tell(f"{key} names {run} by {tag}, which named {was[tag]}")
        self._touched |= dict.fromkeys((*was, *now))
        if before and record and not given and before.status == record.status == "provisioned":
            self._note_units(key, before, record)
        is_done = before and record and (before.status, record.status) == ("provisioning", "provisioned")
        if is_done and record and record.beside:
            self._tell(f"{key} is provisioned, and has {sorted(record.beside)} beside its run")
        self._note_life(key, before, record)

    def _note_units(self, key: RecordKey, before: Record, record: Record) -> None:
        """A provisioned reservation loses units at its customer's request, and gets none back."""
        if record.holds.keys() - before.holds.keys():
            self._tell(f"{key} is provisioned and got more units")
        if before.holds.keys() - record.holds.keys() and key not in self.asked_to_release:
            self._tell(f"{key} lost units that nobody asked to release")

    def _note_life(self, key: RecordKey, before: Record | None, record: Record | None) -> None:
        if before is not None and before.life and (record is None or record.status == GONE):
            self._over[key].add(before.life)
        if record is None or record.status == GONE:
            return
        if record.life in self._over[key]:
            self._tell(f"{key}: the life {record.life} continues after its end")
        if before is not None and before.status != GONE and before.life != record.life:
            self._tell(f"{key}: the life {record.life} begins before {before.life} has ended")

    def judge(self, owners: Callable[[Domain], Mapping[str, int]], *, given: bool) -> None:
        """Check what one write changed, once all of it is noted; ``owners`` returns a domain's owners."""
        for tag, _ in self.ended:
            bearer = self._bearers.get(tag)
            may_end = bearer is None or bearer.status in GIVES_UP or tag in bearer.beside
            if not given and bearer is not None and not may_end:
                self._tell(f"{bearer.key} is {bearer.status}, and its booking {tag} was ended")
        for tag in self._touched:
            bearer, booked = self._bearers.get(tag), self.bookings.get(tag)
            if booked is not None and (bearer is None or bearer.runs[tag] != booked):
                self._tell(f"{booked} is booked under {tag}, and no record names that")
            if bearer is not None and tag in bearer.owned:
                self._judge_owner(bearer, tag, owners)
        self._touched.clear()

    def _judge_owner(self, record: Record, tag: str, owners: Callable[[Domain], Mapping[str, int]]) -> None:
        domains = domains_of(record.owned[tag])
        owned = sum(tag in owners(domain) for domain in domains)
        if record.status in SETTLED and owned != len(domains):
            self._tell(f"{record.key} is {record.status}, and owns {owned} of {len(domains)} domains")
        if len(tag) == TAG_DIGITS and owned not in (0, len(domains)):
            self._tell(f"{record.key} owns {owned} of {len(domains)} domains")
        if record.status == LEAVING and not owned and tag not in self._once_booked:
            self._tell(f"{record.key} lists what it never owned")
        if record.status not in SETTLED and record.status != LEAVING:
            self._tell(f"{record.key} is {record.status} and lists {sorted(record.holds)}")

    def divided(self, made: Iterable[str], ended: Iterable[tuple[str, Run]]) -> set[Domain]:
        """Domains whose booking one write replaced by another of the same reservation."""
        before = {(d, self._borne.get(tag)) for tag, run in ended for d in domains_of(run)}
        after = {(d, self._borne.get(tag)) for tag in made for d in domains_of(self.bookings[tag])}
        return {domain for domain, key in before & after if key is not None}

    def bearer(self, tag: str) -> Record | None:
        """The record that owns or may own by a tag."""
        return self._bearers.get(tag)

    def take(self) -> tuple[list[str], list[tuple[str, Run]]]:
        """The bookings that the last write made, and those that it ended."""
        made, over = self.booked, self.ended
        self.booked, self.ended = [], []
        return made, over

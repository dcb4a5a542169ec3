"""Invariants of the times that customers see, of terms and of notice periods.

- each change of a claim that a customer can see has a later time than the last one, never in the future;
- a VM that is reserved stays so until its term ends;
- a preempted VM has its whole notice period, and runs until that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from testkit.items import CLAIM, GONE, VM

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.faults import Work
    from testkit.items import Item, RecordKey

SHOWN: Final = ("status", "name", "instance_count", "zones", "allocations", "conditions")
"""The attributes of a claim that customers see and that may change."""

TOGETHER_US: Final = 1_000
"""Changes within one millisecond of the run get times in the order of the changes."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The notice period of VMs, and the skew of the functions' clocks, in seconds."""

    notice_seconds: int = 0
    skew_seconds: int = 0


NO_TERMS: Final = Terms()


class TimeRules:
    """Follows records; see ``Ledger`` for the arguments. ``now_ms`` is the true time."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        work: Callable[[], Work | None],
        tell: Callable[[str], None],
        terms: Terms,
    ) -> None:
        self._now_ms = now_ms
        self._work = work
        self._tell = tell
        self._terms = terms
        self._items: dict[RecordKey, Item] = {}

    def note(self, key: RecordKey, after: Item | None, *, given: bool) -> None:
        """Note a write of a record; ``given`` if it was stored before the run."""
        before = self._items.pop(key, None)
        if after is None:
            return
        self._items[key] = after
        if given:
            return
        if key[1].startswith(CLAIM) and "updated_at" in after:
            self._judge_change(key, before, after)
        if key[1].startswith(VM):
            if after["status"]["S"] == GONE:
                # A tombstone of a VM that never existed: the record of one that did stays as destroyed.
                del self._items[key]
                return
            self._judge_notice(key, before or {}, after)
            self._judge_term(key, before or after, after)

    def _judge_change(self, key: RecordKey, before: Item | None, after: Item) -> None:
        told_us, now_us = _updated_us(after), self._now_ms() * 1_000
        if told_us > now_us + TOGETHER_US + self._terms.skew_seconds * 1_000_000:
            self._tell(f"{key}: the time of its change is {told_us - now_us} us in the future")
        if before is not None and before["status"]["S"] == GONE:
            # An unfinished tombstone: this is another life of the id.
            before = None
        is_seen = before is not None and any(before.get(name) != after.get(name) for name in SHOWN)
        if before is not None and is_seen and told_us <= _updated_us(before):
            self._tell(f"{key} changed, and the time of the change, {told_us}, is not after the last")

    def _judge_notice(self, key: RecordKey, before: dict[str, Any], after: Item) -> None:
        work, skew = self._work(), self._terms.skew_seconds
        if "preempted_by" in after and before.get("preempted_by") != after["preempted_by"]:
            began = (work.began_ms if work else self._now_ms()) // 1_000
            notice = _leaves_at(after) - began
            if notice + skew < self._terms.notice_seconds:
                self._tell(f"{key} has a notice of {notice} s, not of {self._terms.notice_seconds}")
        had_notice = "preempted_by" in before and before["status"]["S"] == "running"
        if had_notice and after["status"]["S"] == "interrupted":
            left = _leaves_at(before) - self._now_ms() // 1_000
            if left > skew:
                self._tell(f"{key} is interrupted {left} s before its notice is over")

    def _judge_term(self, key: RecordKey, before: Item, after: Item) -> None:
        if before["rental_type"]["S"] == "reserved" != after["rental_type"]["S"]:
            left = int(before["term_ends_at"]["N"]) - self._now_ms() // 1_000
            if left > self._terms.skew_seconds:
                self._tell(f"{key} is no longer reserved, {left} s before its term ends")


def _leaves_at(item: Item) -> int:
    return int(item["preempt_at"]["N"]) if "preempt_at" in item else 0


def _updated_us(item: Item) -> int:
    fraction = int(item["updated_microsecond"]["N"]) if "updated_microsecond" in item else 0
    return int(item["updated_at"]["N"]) * 1_000_000 + fraction

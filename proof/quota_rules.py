"""Invariants of quotas, counted from the accepted holders and not from the product's own marks.

- a holder that was requested after the quota began to count does count, even if its record says otherwise;
- an earlier holder counts from the time at which it was counted in until it ends;
- the quota has exactly the sum of these holders, and no acceptance exceeds the limit;
- once an operator's command has ended, every holder that it found, or that was acknowledged, is counted; and
  when the limit is written, every acknowledged holder is counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testkit.items import CLAIMING, GONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.faults import Work
    from testkit.items import Item, Record, RecordKey


@dataclass(frozen=True, slots=True)
class _Limit:
    """The current quota, and since when (milliseconds) it counts."""

    limit: int | None
    used: int
    counts_ms: int


class QuotaRules:
    """Follows quotas and holders; see ``Ledger`` for the arguments. ``now_ms`` is the true time.

    ``acknowledged`` are the holders that were acknowledged to clients.
    """

    def __init__(
        self, now_ms: Callable[[], int], work: Callable[[], Work | None], tell: Callable[[str], None]
    ) -> None:
        self._now_ms = now_ms
        self._work = work
        self._tell = tell
        self.acknowledged: set[RecordKey] = set()
        self._limits: dict[RecordKey, _Limit] = {}
        self._counting: defaultdict[RecordKey, dict[RecordKey, int]] = defaultdict(dict)
        self._uncounted: defaultdict[RecordKey, dict[RecordKey, int]] = defaultdict(dict)
        """By quota the holders that need not count yet, with the time of their creation."""
        self._changed: dict[RecordKey, int] = {}

    def note_limit(self, quota: RecordKey, after: Item | None) -> None:
        """Note a write of a quota."""
        self._changed.setdefault(quota, 0)
        if after is None:
            self._limits.pop(quota, None)
            return
        known = self._limits.get(quota)
        limit = int(after["limit"]["N"]) if "limit" in after else None
        if limit is not None and (known is None or known.limit is None):
            escaped = self.acknowledged.intersection(self._uncounted[quota])
            if escaped:
                self._tell(f"{quota} gets a limit, and {sorted(escaped)} are not counted")
        counts_ms = known.counts_ms if known else self._now_ms()
        self._limits[quota] = _Limit(limit, int(after["used"]["N"]), counts_ms)

    def note_record(self, before: Record | None, record: Record | None, *, given: bool) -> None:
        """Note a write of a holder; ``given`` if it was stored before the run."""
        uses = record.uses if record else {}
        for quota in {*(before.uses if before else {}), *uses}:
            self._note(quota, before, record, given=given)

    def judge(self) -> None:
        """Check the quotas that one write affected, once all of it is noted."""
        for quota, more in self._changed.items():
            limit = self._limits.get(quota)
            counting = sum(self._counting[quota].values())
            used = limit.used if limit else 0
            if used != counting:
                self._tell(f"{quota} counts {used}, its holders have {counting}")
            if limit and limit.limit is not None and more and counting > limit.limit:
                self._tell(f"{quota}: {more} more were accepted, {counting} of {limit.limit} are used now")
        self._changed.clear()

    def judge_command(self, quota: RecordKey, began_ms: int) -> None:
        """Check that an operator's command, begun at this time, has counted every holder that it had to."""
        left_out = [
            key
            for key, made_ms in self._uncounted[quota].items()
            if made_ms < began_ms or key in self.acknowledged
        ]
        if left_out:
            self._tell(f"{quota} was set, and {left_out} are not counted")

    def _note(self, quota: RecordKey, before: Record | None, record: Record | None, *, given: bool) -> None:
        holder = record or before
        assert holder is not None
        key, size = holder.key, record.uses.get(quota, 0) if record else 0
        had = self._counting[quota].pop(key, None)
        made_ms = self._uncounted[quota].pop(key, self._now_ms())
        if record is None or not size:
            if had is not None:
                self._changed.setdefault(quota, 0)
            return
        # A claiming holder does not exist yet: whether it has to count is decided when it settles.
        is_made = before is None or before.status in (CLAIMING, GONE)
        is_new = is_made and record.status != CLAIMING and not given
        if had is not None or quota in record.counted or (is_new and self._must_count(quota)):
            self._counting[quota][key] = size
            is_late = had is None and not is_made
            more = 0 if given or is_late else max(0, size - (had or 0))
            self._changed[quota] = self._changed.get(quota, 0) + more
        else:
            self._uncounted[quota][key] = made_ms

    def _must_count(self, quota: RecordKey) -> bool:
        limit, work = self._limits.get(quota), self._work()
        began_ms = work.began_ms if work is not None else self._now_ms()
        return limit is not None and began_ms >= limit.counts_ms

"""What has to hold of quotas, counted by who was accepted and not by what the product marks as counted.

- a holder that was accepted after the limit stood counts, whatever its record says;
- so does one that was counted in later, from then on and until it ends;
- the quota says exactly what these have, and no acceptance brings them beyond the limit;
- once an operator's command has come to its end, no holder that it found is left out.

A limit on instances stands when it is written. The first limit on an accelerator stands
``ABSENCE_SECONDS_MAX`` later where the organization was served before, as functions may remember that there
was none.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proof.items import RESERVATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.faults import Work
    from proof.items import Item, Record, RecordKey

ABSENCE_SECONDS_MAX: Final = 31
"""The 30 that are promised, and one as clocks show whole seconds."""

INSTANCES: Final = "QUOTA#instances"


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit as it is now, what it says is used, and from when on (milliseconds) it holds for everybody."""

    limit: int
    used: int
    stands_ms: int


class QuotaRules:
    """Follows quotas and holders; see ``Ledger`` for the arguments. ``now_ms`` is the true time.

    ``served`` are the partitions of organizations that have asked for anything.
    """

    def __init__(
        self, now_ms: Callable[[], int], work: Callable[[], Work | None], tell: Callable[[str], None]
    ) -> None:
        self._now_ms = now_ms
        self._work = work
        self._tell = tell
        self.served: set[str] = set()
        self._limits: dict[RecordKey, _Limit] = {}
        self._counting: defaultdict[RecordKey, dict[RecordKey, int]] = defaultdict(dict)
        self._uncounted: defaultdict[RecordKey, dict[RecordKey, int]] = defaultdict(dict)
        """By quota the holders that need not count yet, with the time when they were made."""
        self._changed: dict[RecordKey, int] = {}

    def note_limit(self, quota: RecordKey, after: Item | None) -> None:
        """A write of a quota."""
        self._changed.setdefault(quota, 0)
        if after is None:
            self._limits.pop(quota, None)
            return
        known = self._limits.get(quota)
        stands_ms = known.stands_ms if known else self._now_ms() + self._delay_ms(quota)
        self._limits[quota] = _Limit(int(after["limit"]["N"]), int(after["used"]["N"]), stands_ms)

    def note_record(self, before: Record | None, record: Record | None, *, given: bool) -> None:
        """A write of a holder; ``given`` is what was there before anybody looked."""
        # What is left of a holder that is gone does not tell what it was.
        known = before or record
        if known is None or not known.quota[1]:
            return
        key, quota = known.key, known.quota
        size = _size(record)
        had = self._counting[quota].pop(key, None)
        made_ms = self._uncounted[quota].pop(key, self._now_ms())
        if record is None or not size:
            if had is not None:
                self._changed.setdefault(quota, 0)
            return
        is_new = before is None and not given
        if had is not None or record.counted or (is_new and self._must_count(quota)):
            self._counting[quota][key] = size
            is_late = had is None and not is_new
            more = 0 if given or is_late else max(0, size - (had or 0))
            self._changed[quota] = self._changed.get(quota, 0) + more
        else:
            self._uncounted[quota][key] = made_ms

    def judge(self) -> None:
        """Judge the quotas that one write concerned, when all of it is noted."""
        for quota, more in self._changed.items():
            limit = self._limits.get(quota)
            counting = sum(self._counting[quota].values())
            used = limit.used if limit else 0
            if used != counting:
                self._tell(f"{quota} says {used}, its holders have {counting}")
            if limit and more and counting > limit.limit:
                self._tell(f"{quota}: {more} more were accepted, {counting} of {limit.limit} are used now")
        self._changed.clear()

    def judge_command(self, quota: RecordKey, began_ms: int) -> None:
        """An operator's command that began then has counted in everybody whom it found."""
        left_out = [key for key, made_ms in self._uncounted[quota].items() if made_ms < began_ms]
        if left_out:
            self._tell(f"{quota} was set, and {left_out} are not counted")

    def _must_count(self, quota: RecordKey) -> bool:
        limit, work = self._limits.get(quota), self._work()
        began_ms = work.began_ms if work is not None else self._now_ms()
        return limit is not None and began_ms >= limit.stands_ms

    def _delay_ms(self, quota: RecordKey) -> int:
        remembered = quota[1] != INSTANCES and quota[0] in self.served
        return ABSENCE_SECONDS_MAX * 1000 if remembered else 0


def _size(record: Record | None) -> int:
    """What a holder has in its quota: nothing once it has given back all that it had."""
    if record is None or (record.kind == RESERVATION and not record.holds):
        return 0
    return record.size

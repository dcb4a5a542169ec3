"""The meter of a holder: since when it holds what, and the spans that have ended. Pure.

A change of a record ends the span of each line that it changes, and begins the next one in the same second.
So the spans of a line neither overlap nor leave a gap, and no second counts twice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.usage.held import Amount, Holder, Line, changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Span:
    """A line of a holder that did not change from one second, included, to another, excluded."""

    holder: Holder
    line: Line
    amount: Amount
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Meter:
    """What a holder holds now: by line its amount, and since when. ``revision`` is that of its record."""

    holder: Holder
    revision: int
    running: Mapping[Line, tuple[Amount, int]]

    @property
    def amounts(self) -> dict[Line, Amount]:
        """The amounts alone."""
        return {line: amount for line, (amount, _) in self.running.items()}

    def spans(self, until: int) -> Iterator[Span]:
        """What runs, as if it ended at this second."""
        for line, (amount, since) in self.running.items():
            if since < until:
                yield Span(self.holder, line, amount, since, until)


def turned(meter: Meter, after: Mapping[Line, Amount], revision: int, at: int) -> tuple[Meter, list[Span]]:
    """The meter after a change at a second, and the spans that it ends.

    A change whose revision the meter has, or is beyond, has been counted: it changes nothing.
    """
    if revision <= meter.revision:
        return meter, []
    running, ended = dict(meter.running), []
    for line in sorted(changed(meter.amounts, after)):
        since = at
        if line in running:
            amount, since = running.pop(line)
            # Should a clock go back, the span is empty and the next one begins where it began.
            since, began = max(at, since), since
            if began < since:
                ended.append(Span(meter.holder, line, amount, began, since))
        if line in after:
            running[line] = (after[line], since)
    return replace(meter, revision=revision, running=running), ended


def not_ended(running: Iterable[Span], ended: Iterable[Span]) -> Iterator[Span]:
    """What still runs of spans that were read as running, if these have ended in the meantime."""
    last: dict[tuple[Holder, Line], int] = {}
    for span in ended:
        key = (span.holder, span.line)
        last[key] = max(last.get(key, 0), span.until)
    for span in running:
        since = max(span.since, last.get((span.holder, span.line), 0))
        if since < span.until:
            yield replace(span, since=since)


@dataclass(frozen=True, slots=True)
class DayOfUsage:
    """GPU-seconds of a line of a holder on a day of UTC. ``day`` is its first second."""

    holder: Holder
    line: Line
    day: int
    held: int
    used: int

    @property
    def organization_id(self) -> str:
        """The organization of the holder."""
        return self.holder.organization_id

    @property
    def id(self) -> str:
        """Its place in a list; unique within an organization."""
        whose = f"{self.holder.kind}#{self.holder.id}#{self.holder.life}"
        return f"{self.day:012}#{whose}#{self.line.region_id}#{self.line.accelerator}#{self.line.terms}"


def by_day(spans: Iterable[Span], since: int, until: int) -> list[DayOfUsage]:
    """The usage of each day between two seconds, the first included and the last excluded, in order."""
    held: defaultdict[tuple[Holder, Line, int], list[int]] = defaultdict(lambda: [0, 0])
    for span in spans:
        begin, end = max(span.since, since), min(span.until, until)
        while begin < end:
            day = begin - begin % DAY_SECONDS
            seconds = min(end, day + DAY_SECONDS) - begin
            counted = held[span.holder, span.line, day]
            counted[0] += seconds * span.amount.gpus
            counted[1] += seconds * span.amount.used
            begin += seconds
    days = (DayOfUsage(holder, line, day, *sums) for (holder, line, day), sums in held.items())
    return sorted(days, key=lambda d: (d.id, d.organization_id))

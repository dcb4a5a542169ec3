"""GPU-seconds are exact: against a plain model that looks at every second, whatever comes twice."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.usage.held import Amount, Holder, Kind, Line
from gpu_capacity.usage.meter import DAY_SECONDS, Meter, Span, by_day, not_ended, turned

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLDER = Holder("organization", Kind.RESERVATION, "reservation", "life")
LINES = (Line("us-tex-1", "GB300"), Line("uk-lon-1", "GB300"))
START = DAY_SECONDS * 20_000 - 40

AMOUNTS = st.dictionaries(st.sampled_from(LINES), st.builds(Amount, st.integers(1, 8), st.integers(0, 8)))
# (seconds since the change before, what is held from then on, how many changes before it come again after it)
CHANGES = st.lists(st.tuples(st.integers(0, 50), AMOUNTS, st.integers(0, 3)), max_size=8)


def _metered(changes: list[tuple[int, dict[Line, Amount], int]]) -> tuple[Meter, list[Span]]:
    """What the meter makes of the changes, some of which come several times."""
    meter, spans, at = Meter(HOLDER, -1, {}), [], START
    told: list[tuple[dict[Line, Amount], int, int]] = []
    for revision, (later, held, again) in enumerate(changes):
        at += later
        told.append((held, revision, at))
        for one in (told[-1], *told[-again:]) if again else (told[-1],):
            meter, ended = turned(meter, *one)
            spans += ended
    return meter, spans


def _second_by_second(
    changes: list[tuple[int, dict[Line, Amount], int]], since: int, until: int
) -> Counter[tuple[Line, int, str]]:
    """The plain model: at each second, what was held by the last change up to it."""
    times, at = [], START
    for later, held, _ in changes:
        at += later
        times.append((at, held))
    found: Counter[tuple[Line, int, str]] = Counter()
    for second in range(since, until):
        held = next((held for at, held in reversed(times) if at <= second), {})
        for line, amount in held.items():
            day = second // DAY_SECONDS * DAY_SECONDS
            found[line, day, "held"] += amount.gpus
            found[line, day, "used"] += amount.used
    return +found


def _counted(spans: Iterable[Span], since: int, until: int) -> Counter[tuple[Line, int, str]]:
    found: Counter[tuple[Line, int, str]] = Counter()
    for day in by_day(spans, since, until):
        found[day.line, day.day, "held"] += day.held
        found[day.line, day.day, "used"] += day.used
    return +found


@given(changes=CHANGES, since=st.integers(-20, 60), length=st.integers(1, 200))
def test_usage_is_what_a_look_at_every_second_finds(
    changes: list[tuple[int, dict[Line, Amount], int]], since: int, length: int
) -> None:
    meter, spans = _metered(changes)
    begin, end = START + since, START + since + length
    assert _counted([*spans, *meter.spans(end)], begin, end) == _second_by_second(changes, begin, end)


@given(changes=CHANGES, cut=st.integers(1, 120))
def test_parts_of_a_period_add_up(changes: list[tuple[int, dict[Line, Amount], int]], cut: int) -> None:
    meter, ended = _metered(changes)
    end = START + 200
    spans = [*ended, *meter.spans(end)]
    parts = _counted(spans, START, START + cut) + _counted(spans, START + cut, end)
    assert parts == _counted(spans, START, end)


@given(changes=CHANGES, when=st.integers(0, 8))
def test_what_ends_between_two_reads_counts_once(
    changes: list[tuple[int, dict[Line, Amount], int]], when: int
) -> None:
    """The meter was read before the last changes, the spans after them."""
    end = START + 500
    early, _ = _metered(changes[:when])
    late, ended = _metered(changes)
    seen = [*ended, *not_ended(early.spans(end), ended)]
    for line in LINES:
        mine = sorted((s.since, s.until) for s in seen if s.line == line)
        assert all(one[1] <= next_one[0] for one, next_one in pairwise(mine))
    assert all(count >= 0 for count in _counted(late.spans(end), START, end).values())


def test_a_clock_that_goes_back_makes_no_second_count_twice() -> None:
    meter, _ = turned(Meter(HOLDER, -1, {}), {LINES[0]: Amount(4, 0)}, 1, START + 10)
    meter, ended = turned(meter, {LINES[0]: Amount(8, 0)}, 2, START)
    assert ended == []
    assert meter.running == {LINES[0]: (Amount(8, 0), START + 10)}

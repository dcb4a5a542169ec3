"""Times as text: every RFC 3339 time can be read, and every stored time can be shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.times import FIRST_SECOND, LAST_SECOND, parse_rfc3339, rfc3339

NEW_YEAR_2026 = 1767225600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00Z", NEW_YEAR_2026),
        ("2026-01-01t00:00:00z", NEW_YEAR_2026),
        ("2026-01-01T00:00:00-00:00", NEW_YEAR_2026),
        ("2026-01-01T01:30:00+01:30", NEW_YEAR_2026),
        ("2025-12-31T16:00:00-08:00", NEW_YEAR_2026),
        ("2026-01-01T00:00:00.25Z", NEW_YEAR_2026 + 0.25),
        ("2026-01-01T00:00:00.5000000000009Z", NEW_YEAR_2026 + 0.5),
        ("2025-12-31T23:59:60Z", NEW_YEAR_2026),
        ("2025-12-31T23:59:60.5Z", NEW_YEAR_2026 + 0.5),
        ("2026-01-01T00:59:60+01:00", NEW_YEAR_2026),
        ("2024-02-29T23:59:60Z", 1709251200),
        ("0001-01-01T00:00:00+01:00", FIRST_SECOND - 3600),
        ("9999-12-31T23:59:59-08:00", LAST_SECOND + 8 * 3600),
    ],
)
def test_every_format_of_the_standard_is_read(text: str, seconds: float) -> None:
    assert parse_rfc3339(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:60Z",
        "2026-01-15T23:59:60Z",
        "2025-12-31T23:59:60+01:00",
        "0001-01-01T00:59:60+02:00",
        "9999-12-31T23:59:60-08:00",
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "2026-W01-4T00:00:00Z",
        "20260101T000000Z",
        "2026-01-01T00:00:00Z\n",
        "٢٠٢٦-01-01T00:00:00Z",
    ],
    ids=str,
)
def test_every_format_that_the_standard_forbids_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^.+$"):
        parse_rfc3339(text)


@given(st.one_of(st.integers(), st.floats(allow_nan=False)))
def test_every_time_can_be_shown_and_read_back(seconds: float) -> None:
    text = rfc3339(seconds)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", text)
    shown = parse_rfc3339(text)
    assert FIRST_SECOND <= shown <= LAST_SECOND
    if FIRST_SECOND <= seconds <= LAST_SECOND:
        assert abs(shown - seconds) <= 1e-4  # what a float keeps of a fraction, ten thousand years off


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_as_python_writes_them_are_read(time: datetime) -> None:
    assert parse_rfc3339(time.isoformat()) == pytest.approx(time.timestamp(), abs=1e-4)


def test_early_years_have_four_digits() -> None:
    assert rfc3339(FIRST_SECOND) == "0001-01-01T00:00:00Z"
    assert rfc3339(NEW_YEAR_2026) == "2026-01-01T00:00:00Z"

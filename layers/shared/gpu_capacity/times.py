"""Parses and formats times in RFC 3339, for the whole package. Pure: standard library only.

Within the package a time is in seconds since the epoch. The parser refuses what RFC 3339 refuses and nothing
else; a field that limits its times does so itself. Formatting never fails, because it happens after the
write that the time belongs to was committed.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND_DIGITS: Final = 6
_LEAP_SECOND: Final = 60
_LAST_MINUTE: Final = (23, 59)

FIRST_SECOND: Final = int((datetime.min.replace(tzinfo=UTC) - _EPOCH).total_seconds())
"""0001-01-01T00:00:00Z. RFC 3339 also has the year 0, which Python cannot represent."""
LAST_SECOND: Final = int((datetime.max.replace(tzinfo=UTC, microsecond=0) - _EPOCH).total_seconds())
"""9999-12-31T23:59:59Z. Years have four digits."""


def parse_rfc3339(text: str) -> float:
    """Parse a date-time with an offset into seconds since the epoch, to the microsecond.

    A leap second becomes the first second of the next day, as POSIX counts. The offset may put the result up
    to a day before ``FIRST_SECOND`` or after ``LAST_SECOND``.

    Raises:
        ValueError: the text is not an RFC 3339 date-time, or the day or leap second does not exist.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date-time with an offset")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    is_leap = second == _LEAP_SECOND
    local = datetime(year, month, day, hour, minute, second - is_leap, tzinfo=UTC)
    since_epoch = local - _EPOCH + (offset if sign == "-" else -offset)
    if is_leap and not _may_be_leap(since_epoch):
        raise ValueError("leap seconds are at the end of a month in UTC")
    microseconds = int((fraction or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0"))
    return (since_epoch + timedelta(seconds=int(is_leap), microseconds=microseconds)).total_seconds()


def rfc3339(seconds: float) -> str:
    """Format seconds since the epoch as RFC 3339 in UTC with ``Z``, with a fraction if there is one.

    Never fails: a time outside of the years 1 to 9999 is shown as the nearest time within them.
    """
    shown = _EPOCH + timedelta(seconds=min(max(seconds, FIRST_SECOND), LAST_SECOND))
    return shown.isoformat().replace("+00:00", "Z")


def _may_be_leap(since_epoch: timedelta) -> bool:
    """Whether a leap second can follow this second. False outside of the years that Python can represent."""
    try:
        utc = _EPOCH + since_epoch
    except OverflowError:
        return False
    return (utc.hour, utc.minute) == _LAST_MINUTE and utc.day == monthrange(utc.year, utc.month)[1]

"""The messages of Google whose JSON form is a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gpu_capacity.http.protobuf.types import Field, Malformed, Message, Scalar
from gpu_capacity.times import FIRST_SECOND, LAST_SECOND, parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping


_NANO_DIGITS: Final = 9
_NANOS: Final = 10**_NANO_DIGITS
_FRACTION: Final = re.compile(r"\.(\d+)", re.ASCII)
_DURATION: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)


def _time_text(fields: Mapping[str, int]) -> str:
    seconds, nanos = fields.get("seconds", 0), fields.get("nanos", 0)
    if not FIRST_SECOND <= seconds <= LAST_SECOND or not 0 <= nanos < _NANOS:
        raise Malformed("a time is outside of the years 1 to 9999")
    return rfc3339(seconds).removesuffix("Z") + f"{_fraction(nanos)}Z"


def _fraction(nanos: int) -> str:
    """Three, six or nine digits, whatever it takes."""
    digits = f"{nanos:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


def _time_fields(text: str) -> dict[str, int]:
    # A floating-point number does not have the fraction exactly.
    fraction = _FRACTION.search(text)
    digits = fraction[1] if fraction else ""
    try:
        parse_rfc3339(text)
        seconds = int(parse_rfc3339(_FRACTION.sub("", text)))
    except ValueError:
        raise Malformed("must be an RFC 3339 time") from None
    return {"seconds": seconds, "nanos": int(digits[:_NANO_DIGITS].ljust(_NANO_DIGITS, "0"))}


def _duration_text(fields: Mapping[str, int]) -> str:
    seconds, nanos = fields.get("seconds", 0), fields.get("nanos", 0)
    sign = "-" if min(seconds, nanos) < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _duration_fields(text: str) -> dict[str, int]:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Malformed("must be a duration, such as 5s")
    sign = -1 if found[1] else 1
    return {"seconds": sign * int(found[2]), "nanos": sign * int((found[3] or "").ljust(9, "0"))}


_PARTS: Final = (Field(1, "seconds", Scalar.INT64), Field(2, "nanos", Scalar.INT32))

TIMESTAMP: Final = Message("google.protobuf.Timestamp", _PARTS, _time_text, _time_fields)
DURATION: Final = Message("google.protobuf.Duration", _PARTS, _duration_text, _duration_fields)

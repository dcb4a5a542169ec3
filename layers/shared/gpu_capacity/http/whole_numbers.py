"""Whole numbers that JSON lets a client write with a fraction or an exponent: ``2.0`` is an integer.

JSON Schema says so, and so do the published contracts. What a number is has to be judged by its text: read
as a double, ``0.99999999999999999999`` is 1 as well, and nobody asked for one.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_EXPONENT_DIGITS_MAX: Final = 3
_DIGITS_MAX: Final = 18
"""Longer whole numbers are beyond every range of the APIs, so they stay as they were written."""

# Nothing that was matched is ever given back: a body of digits would be read once for each of them.
_STRING_OR_NUMBER: Final = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"?|(-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?+([0-9]++))?+)', re.DOTALL
)


def plainly_written(json: bytes) -> bytes:
    """The same JSON text with each whole number as digits alone; what is not whole stays as it is."""
    return _STRING_OR_NUMBER.sub(_plain, json)


def _plain(match: re.Match[bytes]) -> bytes:
    written, exponent = match.groups()
    if written is None or written.removeprefix(b"-").isdigit():
        return match[0]
    if exponent is not None and len(exponent) > _EXPONENT_DIGITS_MAX:
        return match[0]
    number = Decimal(written.decode())
    if number.adjusted() >= _DIGITS_MAX or number != int(number):
        return match[0]
    return b"%d" % int(number)

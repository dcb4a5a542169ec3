"""Accepts whole numbers with a fraction or an exponent: in JSON Schema ``2.0`` is an integer.

The published contracts follow JSON Schema. Whether a number is whole is decided by its text. As a float
``0.99999999999999999999`` would be 1, which the client did not ask for.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_EXPONENT_DIGITS_MAX: Final = 3
_DIGITS_MAX: Final = 18
"""Longer whole numbers are beyond every range of the APIs, so they are left as they are."""

# Possessive quantifiers: with backtracking, a body of n digits would be read n times.
_STRING_OR_NUMBER: Final = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"?|(-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?+([0-9]++))?+)', re.DOTALL
)


def plainly_written(json: bytes) -> bytes:
    """The same JSON text with each whole number written as digits only; other numbers are unchanged."""
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

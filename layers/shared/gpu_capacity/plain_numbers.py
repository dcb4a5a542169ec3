"""Numbers from text, as people and documents write them. Pure: standard library only.

Python's own readers take much more: ``int(" 1_0")`` is 10, digits may be Arabic, and ``Decimal("nan")`` is a
number. What a reader takes beyond what is meant, one client will send and another reader will refuse.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_DIGITS: Final = r"-?(?:0|[1-9][0-9]{0,17})"
_WHOLE: Final = re.compile(_DIGITS)
_DECIMAL: Final = re.compile(_DIGITS + r"(?:\.[0-9]{1,18})?")


def whole(text: str) -> int:
    """A whole number: ASCII digits, at most 18, without leading zeros, a minus sign before them if need be.

    Raises:
        ValueError: it is none.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError("not a whole number")
    return int(text)


def decimal(text: str) -> Decimal:
    """A number as above, with at most 18 digits after a point; no exponent.

    Raises:
        ValueError: it is none.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal number")
    return Decimal(text)

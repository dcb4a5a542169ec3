"""Parse numbers from text in plain decimal notation only. Pure: standard library only.

Python's own parsers accept much more: ``int(" 1_0")`` is 10, digits may be Arabic, and ``Decimal("nan")`` is
a number. If this service accepted such input, some client would send it and some other reader would refuse
it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_DIGITS: Final = r"-?(?:0|[1-9][0-9]{0,17})"
_WHOLE: Final = re.compile(_DIGITS)
_DECIMAL: Final = re.compile(_DIGITS + r"(?:\.[0-9]{1,18})?")


def whole(text: str) -> int:
    """Parse a whole number: 1 to 18 ASCII digits without leading zeros, and a minus sign if it is negative.

    Raises:
        ValueError: the text has another form.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError("not a whole number")
    return int(text)


def decimal(text: str) -> Decimal:
    """Parse a number like ``whole``, with up to 18 more digits after a point. An exponent is not accepted.

    Raises:
        ValueError: the text has another form.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal number")
    return Decimal(text)

"""Numbers that people give to commands."""

from __future__ import annotations

from tools.local_stack.errors import LaunchError


def whole(name: str, text: str, low: int, high: int) -> int:
    """Read the value of a variable of a command; LaunchError, with name and bounds, where it is none.

    >>> whole("PORT", "3000", 0, 65535)
    3000
    """
    fits = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    if not fits or not low <= int(text) <= high:
        raise LaunchError(f"{name} is a whole number from {low} to {high}")
    return int(text)

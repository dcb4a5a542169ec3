"""Checks numbers on the command line."""

from __future__ import annotations

from tools.local_stack.errors import LaunchError


def whole(name: str, text: str, low: int, high: int) -> int:
    """Parse a whole number from low to high; LaunchError, with the variable's name and the bounds, otherwise.

    >>> whole("PORT", "3000", 0, 65535)
    3000
    """
    fits = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    if not fits or not low <= int(text) <= high:
        raise LaunchError(f"{name} must be a whole number from {low} to {high}")
    return int(text)

"""What operators have to give as a reason."""

from __future__ import annotations

from typing import Final

from gpu_capacity.errors import InvalidRequest

REASON_BYTES_MAX: Final = 512


def reason_problem(reason: str) -> str | None:
    """What is wrong with a reason: it has to have a letter or a digit, and a limited size.

    Spaces, control characters and what is invisible tell nobody anything.
    """
    if not any(character.isalnum() for character in reason):
        return "must say why, in words"
    if len(reason.encode(errors="replace")) > REASON_BYTES_MAX:
        return f"must have at most {REASON_BYTES_MAX} bytes"
    return None


def check_reason(reason: str) -> None:
    """Refuse a reason that says nothing or is too long.

    Raises:
        InvalidRequest: it is.
    """
    if problem := reason_problem(reason):
        raise InvalidRequest("reason", problem)

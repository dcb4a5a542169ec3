"""What is outside of the program: network, clock and environment. Tests replace it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

transport: httpx.BaseTransport | None = None
"""How requests travel; None for the network."""


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def now() -> float:
    """Return a time in seconds that never goes back."""
    return time.monotonic()


def variable(name: str) -> str | None:
    """Return a variable of the environment; an empty one counts as absent."""
    return os.environ.get(name) or None

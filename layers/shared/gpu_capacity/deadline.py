"""How much time the current invocation has left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """When the current invocation has to end.

    An execution environment has one deadline, and each invocation sets it. Code that waits for other systems
    asks how long it may wait.

    Args:
        monotonic: returns seconds of a clock that is never adjusted, such as ``time.monotonic``.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ends_at = math.inf

    @classmethod
    def none(cls) -> Deadline:
        """A deadline that never passes: for commands and tests, which have no time limit."""
        return cls(lambda: 0.0)

    def arm(self, seconds: float) -> None:
        """Set the deadline to ``seconds`` from now; infinity if there is no time limit."""
        self._ends_at = self._monotonic() + seconds

    def remaining_seconds(self) -> float:
        """Seconds that are left: 0.0 after the deadline, infinity if there is no time limit."""
        return max(0.0, self._ends_at - self._monotonic())

"""How long the work on one invocation may still take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """When the current invocation has to be over.

    An execution environment has one, which each invocation arms; what waits for others asks it how long.

    Args:
        monotonic: seconds of a clock that is never set, such as ``time.monotonic``.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ends_at = math.inf

    @classmethod
    def none(cls) -> Deadline:
        """Never over: for commands and tests, which nothing interrupts."""
        return cls(lambda: 0.0)

    def arm(self, seconds: float) -> None:
        """From now on the work may take ``seconds``, which is infinite where nothing bounds it."""
        self._ends_at = self._monotonic() + seconds

    def remaining_seconds(self) -> float:
        """What is left: 0.0 when it is over, infinite when nothing bounds the work."""
        return max(0.0, self._ends_at - self._monotonic())

"""Clock, random bytes and pauses of the operating system."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpu_capacity.deadline import Deadline

_PAUSE_SECONDS_FIRST: Final = 0.01
_PAUSE_SECONDS_MAX: Final = 0.32


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(time.time())

    def now_ms(self) -> int:
        """Whole milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def now_us(self) -> int:
        """Whole microseconds since the epoch."""
        return time.time_ns() // 1000


class SystemIds:
    """The machine's source of entropy."""

    def random_bytes(self) -> bytes:
        """16 unpredictable bytes."""
        return secrets.token_bytes(16)


class JitteredPause:
    """Full jitter: a random time up to a bound that doubles from 10 ms to 320 ms.

    So rivals that lost the same race try again at different times. Sixteen pauses take 2.4 s on average,
    which fits into the API's time limit.

    Args:
        deadline: the deadline of the current invocation, which no pause exceeds; ``None`` if there is no
            limit.
    """

    def __init__(self, deadline: Deadline | None = None) -> None:
        self._deadline = deadline

    def __call__(self, attempt: int) -> None:
        """Wait before the next attempt."""
        bound = min(_PAUSE_SECONDS_FIRST * 2.0**attempt, _PAUSE_SECONDS_MAX)
        if self._deadline is not None:
            bound = min(bound, self._deadline.remaining_seconds())
        time.sleep(secrets.SystemRandom().uniform(0, bound))

"""How many requests a caller may send in a minute. Fixed windows: a minute begins when the clock's does.

Each execution environment counts what it serves, in memory: a request costs nothing, and nothing has to be
written for one that only reads. Environments do not know of each other, so while several serve one caller at
once, as many times its limit gets through. That bounds what one caller takes from the others, which is what
the limit is for; what an organization may own is a matter of quotas, and those are exact.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from gpu_capacity.errors import RateLimited

if TYPE_CHECKING:
    from gpu_capacity.services.context import Services

WINDOW_SECONDS: Final = 60

Caller: TypeAlias = tuple[str, ...]


class Kind(StrEnum):
    """What is counted apart from each other."""

    READ = "read"
    WRITE = "write"


class RequestCounts:
    """The admitted requests of the current minute. It forgets them with the minute, and so stays small."""

    def __init__(self) -> None:
        self._minute = 0
        self._admitted: Counter[tuple[Caller, Kind]] = Counter()

    def admit(self, caller: Caller, kind: Kind, minute: int, limit: int) -> bool:
        """Count a request; false when ``limit`` were admitted in this minute before."""
        if minute != self._minute:
            self._minute = minute
            self._admitted.clear()
        if self._admitted[caller, kind] >= limit:
            return False
        self._admitted[caller, kind] += 1
        return True


def admit(services: Services, caller: Caller, kind: Kind, limit: int) -> None:
    """Count one request.

    Args:
        services: with the counts.
        caller: who is counted: an organization, alone or with its subject, or an address.
        kind: reads and writes have limits of their own.
        limit: how many a minute; 0 for any number.

    Raises:
        RateLimited: the minute's requests are used up; with the seconds that are left of it.
    """
    if limit == 0:
        return
    minute, elapsed = divmod(services.clock.now(), WINDOW_SECONDS)
    if not services.requests.admit(caller, kind, minute, limit):
        services.telemetry.count("RequestsRateLimited")
        raise RateLimited(WINDOW_SECONDS - elapsed)

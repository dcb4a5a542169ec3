"""Counts the requests of the current minute.

Each execution environment counts the requests that it serves, in memory. So counting costs nothing, and a
read needs no write. Environments do not share their counts: a caller that several of them serve at once may
send its limit to each. That still bounds what one caller takes from the others, which is the purpose of the
limit. What an organization may own is limited by quotas, and those are exact.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

RateKey: TypeAlias = tuple[str, ...]
"""What a request counts under: a kind of thing (organization, account, address) and its name."""

Limits: TypeAlias = "Mapping[RateKey, int]"
"""The requests a minute that are admitted under each key."""


class Kind(StrEnum):
    """The kinds of requests, which are counted separately."""

    READ = "read"
    WRITE = "write"


class RequestCounts:
    """The admitted requests of the current minute. Earlier minutes are dropped, so it stays small."""

    def __init__(self) -> None:
        self._minute = 0
        self._admitted: Counter[tuple[RateKey, Kind]] = Counter()

    def admit(self, kind: Kind, minute: int, limits: Limits) -> bool:
        """Count a request under each key; if one of them has reached its limit, count it under none.

        Args:
            kind: of the request.
            minute: the number of the current minute.
            limits: the keys, with their limits.

        Returns:
            Whether it was counted.
        """
        if minute != self._minute:
            self._minute = minute
            self._admitted.clear()
        if any(self._admitted[key, kind] >= limit for key, limit in limits.items()):
            return False
        self._admitted.update((key, kind) for key in limits)
        return True

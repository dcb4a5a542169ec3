"""How many requests callers sent in the current minute.

Each execution environment counts what it serves, in memory: a request costs nothing, and nothing has to be
written for one that only reads. Environments do not know of each other, so while several serve one caller at
once, as many times its limit gets through. That bounds what one caller takes from the others, which is what
the limit is for; what an organization may own is a matter of quotas, and those are exact.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

RateKey: TypeAlias = tuple[str, ...]
"""Whom a request counts for: what it is (an organization, an account, an address), and its name."""

Limits: TypeAlias = "Mapping[RateKey, int]"
"""How many requests each of them may send in a minute."""


class Kind(StrEnum):
    """What is counted apart from each other."""

    READ = "read"
    WRITE = "write"


class RequestCounts:
    """The admitted requests of the current minute. It forgets them with the minute, and so stays small."""

    def __init__(self) -> None:
        self._minute = 0
        self._admitted: Counter[tuple[RateKey, Kind]] = Counter()

    def admit(self, kind: Kind, minute: int, limits: Limits) -> bool:
        """Count a request for each of them; false, and counted for none, when one has none left."""
        if minute != self._minute:
            self._minute = minute
            self._admitted.clear()
        if any(self._admitted[caller, kind] >= limit for caller, limit in limits.items()):
            return False
        self._admitted.update((caller, kind) for caller in limits)
        return True

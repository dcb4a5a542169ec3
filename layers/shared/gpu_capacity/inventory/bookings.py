"""Bookings of whole domains, and the stamps by which late writes are refused.

A pod has one *booking* for each run that is owned whole, under a random *tag*. Each domain has a *stamp*: the
tag of the latest booking made there. Only bookings say which domains are owned whole; stamps only fence. A
record names a run together with a new tag, and no other booking ever has that tag. A stamp is never removed
and never returns to an earlier value. So a write that demands the stamps it was decided on can never succeed
later once it was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TAG_BYTES: Final = 6
"""48 random bits. A collision needs two equal tags in one pod at the same time. With 72 bookings in a pod
that happens in one of 4 · 10**12 writes, and writes compare the values of the bookings as well. The attribute
of a domain with another kind of owner has 8 bytes or is a map, so the form distinguishes the three."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A run of ``count`` domains from position ``first`` that is owned whole.

    ``since`` and ``until`` are in seconds since the epoch; ``until`` is ``None`` if no end is known.
    """

    tag: bytes
    first: int
    count: int
    since: int
    until: int | None = None

    @property
    def positions(self) -> range:
        """Every position of the run."""
        return range(self.first, self.first + self.count)


def new_tag(entropy: bytes) -> bytes:
    """A tag, or a stamp without a booking, from random bytes."""
    return entropy[:TAG_BYTES]

"""Bookings of whole domains, and the stamps that make a late write refusable.

A pod has one *booking* for each run that somebody owns, under a random *tag*, and for each domain a *stamp*:
the tag of the latest booking that was made there. What a domain is sold as follows from the bookings alone;
stamps only fence. A tag belongs to one naming of one run: no other booking ever has it. A stamp is never
removed and never returns to an earlier value, so a write that demands the stamps it was decided on can never
land once it was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TAG_BYTES: Final = 6
"""48 random bits. A clash needs two equal tags in one pod at one time: with 72 bookings there it happens in
one of 4 · 10**12 writes, and then the values differ, which are compared as well. Other owners of a domain
are 8 bytes or a map, so the three are told apart by their form."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A run of ``count`` domains from position ``first`` that is owned whole.

    ``since`` and ``until`` are seconds since the epoch; ``until`` is ``None`` while no end is known.
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
    """A tag, or a stamp that stands for no booking, made of random bytes."""
    return entropy[:TAG_BYTES]

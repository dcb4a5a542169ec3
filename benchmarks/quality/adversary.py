"""A worst-case sequence for fragmentation: Robson's program, as described by Knuth.

It reacts to the places of objects. It starts with ``peak`` objects of one unit; in round i it keeps only the
ones that cover an address of the form ``k * 2**i + f`` (with the better of two offsets f) and refills the
freed units with objects of ``2**i``, which fit only in a few gaps between the kept ones. Live units never
exceed ``peak``, but every allocator that moves nothing needs at least
``peak * (log2(n) / 2 + 1) - n + 1`` units for largest objects of ``n``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.quality.policies import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.quality.policies import Policy


def robson_bound(peak: int, largest: int) -> float:
    """Return the units that every allocator needs; ``largest`` is a power of two."""
    return peak * ((largest.bit_length() - 1) / 2 + 1) - largest + 1


def survives(policy: Policy, free: int, peak: int, largest: int) -> bool:
    """Whether the policy serves the whole program within the given free units."""
    live: list[tuple[int, int]] = []
    begins = number = 0

    def allocate(size: int) -> bool:
        nonlocal free, begins, number
        number += 1
        taken = policy(free, begins, size, number * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
        if not taken:
            return False
        free ^= taken
        begins |= taken & -taken
        live.append(((taken & -taken).bit_length() - 1, size))
        return True

    if not all(allocate(1) for _ in range(peak)):
        return False
    offset = 0
    for exponent in range(1, largest.bit_length()):
        step = 1 << exponent
        offset = max((offset, offset + step // 2), key=lambda f: _room(live, f, step))
        kept = [thing for thing in live if _covers(thing, offset, step)]
        for start, size in live:
            if not _covers((start, size), offset, step):
                free |= ((1 << size) - 1) << start
                begins ^= 1 << start
        live[:] = kept
        if not all(allocate(step) for _ in range((peak - sum(size for _, size in live)) // step)):
            return False
    return True


def units_needed(make: Callable[[Layout], Policy], peak: int, largest: int) -> int:
    """Return the shortest single pod in which the policy serves the whole program, to 1/64 of the peak.

    At most eight times the peak, even if that does not suffice.
    """
    low, high = peak, 8 * peak
    while high - low > max(peak // 64, 1):
        middle = (low + high) // 2
        layout = Layout.of(1, middle)
        if survives(make(layout), layout.line.free, peak, largest):
            high = middle
        else:
            low = middle
    return high


def _covers(thing: tuple[int, int], offset: int, step: int) -> bool:
    start, size = thing
    return (offset - start) % step < size


def _room(live: list[tuple[int, int]], offset: int, step: int) -> int:
    """Return what Robson's choice of the offset maximizes: the units that the kept objects make unusable."""
    return sum(step - size for start, size in live if _covers((start, size), offset, step))

"""Which GPUs of a host a VM gets: an aligned slice, and which of those that are free.

A slice of ``size`` GPUs (1, 2, 4 or 8) begins at a multiple of its size, so that two GPUs never straddle two
pairs: two slices are either nested or apart. Among the free slices the one is taken that keeps the largest
aligned slice free; among equals the one that keeps the most slices of that size, then of the next smaller
one, and so on; among these the lowest. All masks are over the GPUs of one host.
"""

from __future__ import annotations

from typing import Final

SIZES: Final = (1, 2, 4, 8)


def aligned_slices(gpus: int, size: int) -> tuple[int, ...]:
    """Every slice of that size on a host of ``gpus`` GPUs, as masks, lowest first."""
    block = (1 << size) - 1
    return tuple(block << start for start in range(0, gpus - size + 1, size))


def free_slices(free: int, gpus: int, size: int) -> tuple[int, ...]:
    """The slices of that size that lie wholly in ``free``."""
    return tuple(mask for mask in aligned_slices(gpus, size) if mask & ~free == 0)


def slice_counts(free: int, gpus: int) -> dict[int, int]:
    """How many slices of each size are free; they overlap, so only one of the counts can be used up."""
    return {size: len(free_slices(free, gpus, size)) for size in SIZES}


def largest_slice(free: int, gpus: int) -> int:
    """The size of the largest free slice, 0 where nothing is free."""
    return max((size for size in SIZES if free_slices(free, gpus, size)), default=0)


def choose_slice(free: int, gpus: int, size: int) -> int | None:
    """The slice to take, as a mask, or ``None`` where none of that size is free."""
    found = free_slices(free, gpus, size)
    return min(found, key=lambda taken: damage(free & ~taken, gpus, taken), default=None)


def damage(left: int, gpus: int, taken: int) -> tuple[int, ...]:
    """What taking a slice costs, less is better: the counts of slices in ``left``, largest first, negated.

    The place comes last, so that no two slices cost the same.
    """
    return (*(-len(free_slices(left, gpus, size)) for size in reversed(SIZES)), taken)

"""Chooses the GPUs of a node that a slice gets.

A node has 1, 2, 4 or 8 GPUs. They are connected in pairs, in fours and all together. So a slice of 1, 2, 4 or
8 GPUs begins at a multiple of its size: slices form a binary tree, and any two of them either nest or are
disjoint. A set of free GPUs is a mask, bit ``i`` for GPU ``i``. Bits that a smaller node does not have are
never set, so no slice beyond its size is ever free.

The rule: of the free slices of the requested size take the one that leaves the largest slice free; among
equals the one that leaves the most slices of the largest size free, then of the next smaller sizes; then the
lowest one. This is the choice of a buddy allocator, computed from the mask alone, so no free lists have to be
kept up to date.
"""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

SLICE_SIZES: Final = (1, 2, 4, 8)
"""The numbers of GPUs that a slice, and a node that is rented in slices, may have."""
GPUS_PER_NODE_MAX: Final = max(SLICE_SIZES)

_WHOLE: Final = (1 << GPUS_PER_NODE_MAX) - 1

Census: TypeAlias = tuple[int, ...]
"""The number of free slices of each size, largest size first. Larger tuples are better."""


def free_slices(free: int, size: int) -> tuple[int, ...]:
    """The first GPU of every free slice of that size, in ascending order.

    Raises:
        ValueError: ``size`` is not in ``SLICE_SIZES``, or ``free`` has bits beyond the largest node.
    """
    if size not in SLICE_SIZES:
        raise ValueError(f"a slice has one of {SLICE_SIZES} GPUs")
    if not 0 <= free <= _WHOLE:
        raise ValueError(f"a node has at most {GPUS_PER_NODE_MAX} GPUs")
    return tuple(start for start in range(0, GPUS_PER_NODE_MAX, size) if _is_free(free, start, size))


@cache
def census(free: int) -> Census:
    """The numbers of free slices of 8, 4, 2 and 1 GPUs. The cache has at most 256 entries, one a mask."""
    return tuple(len(free_slices(free, size)) for size in reversed(SLICE_SIZES))


def largest_slice(free: int) -> int:
    """The number of GPUs of the largest free slice; 0 if no GPU is free."""
    return max((size for size in SLICE_SIZES if free_slices(free, size)), default=0)


@cache
def choose_slice(free: int, size: int) -> int | None:
    """The first GPU of the slice to take; ``None`` if no slice of this size is free."""
    starts = free_slices(free, size)
    if not starts:
        return None
    return max(starts, key=lambda start: (census(free & ~slice_mask(start, size)), -start))


def slice_mask(start: int, size: int) -> int:
    """The mask of the GPUs of a slice."""
    return ((1 << size) - 1) << start


def _is_free(free: int, start: int, size: int) -> bool:
    wanted = slice_mask(start, size)
    return free & wanted == wanted

"""Which GPUs of a node a slice gets.

A node has 1, 2, 4 or 8 GPUs. They are joined pairwise, in fours and all together, so a slice of 1, 2, 4 or 8
GPUs stands at a multiple of its size: the slices form a binary tree, and two of them either nest or are
disjoint. A set of free GPUs is a mask, bit ``i`` for GPU ``i``; bits that a smaller node does not have are
never set, so no slice beyond its size is ever free.

The rule: of the free slices of the wanted size take the one that keeps the largest slice free; among equals
the one that keeps the most of the largest, then of the next smaller size; then the lowest. That is a buddy
allocator's choice, decided from the mask alone, so there are no free lists to keep in step.
"""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

SLICE_SIZES: Final = (1, 2, 4, 8)
"""Of slices, and of the nodes that they are parts of."""
GPUS_PER_NODE_MAX: Final = max(SLICE_SIZES)

_WHOLE: Final = (1 << GPUS_PER_NODE_MAX) - 1

Census: TypeAlias = tuple[int, ...]
"""How many slices of each size are free, the largest size first. Larger tuples are better."""


def free_slices(free: int, size: int) -> tuple[int, ...]:
    """The first GPU of every free slice of that size, in ascending order.

    Raises:
        ValueError: ``size`` is none of ``SLICE_SIZES``, or ``free`` has bits beyond the node.
    """
    if size not in SLICE_SIZES:
        raise ValueError(f"a slice has one of {SLICE_SIZES} GPUs")
    if not 0 <= free <= _WHOLE:
        raise ValueError(f"a node has at most {GPUS_PER_NODE_MAX} GPUs")
    return tuple(start for start in range(0, GPUS_PER_NODE_MAX, size) if _is_free(free, start, size))


@cache
def census(free: int) -> Census:
    """How many slices of 8, 4, 2 and 1 GPUs are free. At most 256 masks are ever remembered."""
    return tuple(len(free_slices(free, size)) for size in reversed(SLICE_SIZES))


def largest_slice(free: int) -> int:
    """GPUs of the largest free slice; 0 when no GPU is free."""
    return max((size for size in SLICE_SIZES if free_slices(free, size)), default=0)


@cache
def choose_slice(free: int, size: int) -> int | None:
    """The first GPU of the slice to take, ``None`` when none of that size is free."""
    starts = free_slices(free, size)
    if not starts:
        return None
    return max(starts, key=lambda start: (census(free & ~slice_mask(start, size)), -start))


def slice_mask(start: int, size: int) -> int:
    """The GPUs of a slice, as a mask."""
    return ((1 << size) - 1) << start


def _is_free(free: int, start: int, size: int) -> bool:
    wanted = slice_mask(start, size)
    return free & wanted == wanted

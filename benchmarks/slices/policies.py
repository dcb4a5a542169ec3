"""Policies that choose a node and a slice of it, over nodes grouped by their free GPUs.

Nodes with the same free GPUs are equal for every policy but first fit, so a policy ranks the 256 masks
instead of nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from gpu_capacity.placement.slices import SLICE_SIZES, census, choose_slice, free_slices, slice_mask

if TYPE_CHECKING:
    from collections.abc import Mapping

Rank: TypeAlias = Callable[[int, int], tuple[float, ...] | None]
"""(free mask, size) to a rank, the lowest wins; ``None`` if no slice of that size is free."""

Pick: TypeAlias = Callable[[int, int], int]
"""(free mask, size) to the first GPU of the slice to take."""


def lowest_slice(free: int, size: int) -> int:
    """The first free slice."""
    return free_slices(free, size)[0]


def best_slice(free: int, size: int) -> int:
    """The product's choice within a node."""
    start = choose_slice(free, size)
    assert start is not None
    return start


@cache
def keep_largest(free: int, size: int) -> tuple[float, ...] | None:
    """The product's rule applied to nodes: the fewest large slices lost, then the fullest node."""
    start = choose_slice(free, size)
    if start is None:
        return None
    after = census(free & ~slice_mask(start, size))
    lost = tuple(float(b - a) for b, a in zip(census(free), after, strict=True))
    return (*lost, float(free.bit_count()))


@cache
def fullest_node(free: int, size: int) -> tuple[float, ...] | None:
    """Best fit: the fewest free GPUs."""
    return (float(free.bit_count()),) if free_slices(free, size) else None


@cache
def any_node(free: int, size: int) -> tuple[float, ...] | None:
    """All nodes alike."""
    return () if free_slices(free, size) else None


def fragmentation(free: int, popularity: Mapping[int, float]) -> float:
    """Return the expected number of GPUs of a node that a random task of the workload could not use.

    The measure of "Beware of Fragmentation" (USENIX ATC 2023), with slices for its tasks.
    """
    return sum(
        share * (free.bit_count() - size * len(free_slices(free, size))) for size, share in popularity.items()
    )


class FragmentationGradient:
    """The policy of that paper: the node and slice with the least growth of fragmentation, by popularity."""

    def __init__(self, popularity: Mapping[int, float]) -> None:
        self._by_mask = [fragmentation(free, popularity) for free in range(256)]
        self._starts = {
            (free, size): min(free_slices(free, size), key=lambda start: self._after(free, start, size))
            for free in range(256)
            for size in SLICE_SIZES
            if free_slices(free, size)
        }

    def rank(self, free: int, size: int) -> tuple[float, ...] | None:
        """Return the growth of fragmentation; ties go to the fullest node."""
        start = self._starts.get((free, size))
        if start is None:
            return None
        return (round(self._after(free, start, size) - self._by_mask[free], 9), float(free.bit_count()))

    def pick(self, free: int, size: int) -> int:
        """The slice in the node."""
        return self._starts[free, size]

    def _after(self, free: int, start: int, size: int) -> float:
        return self._by_mask[free & ~slice_mask(start, size)]

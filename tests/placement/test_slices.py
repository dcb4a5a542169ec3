"""Slices of a node, compared with trying every block, over all 256 sets of owned GPUs."""

from __future__ import annotations

import pytest

from gpu_capacity.placement.slices import (
    SLICE_SIZES,
    census,
    choose_slice,
    free_slices,
    largest_slice,
    slice_mask,
)

OCCUPANCIES = range(256)


def _largest_by_trying(free: set[int]) -> int:
    """The largest aligned block of free GPUs, found GPU by GPU."""
    return max(
        (
            size
            for size in (1, 2, 4, 8)
            for first in range(0, 8, size)
            if all(gpu in free for gpu in range(first, first + size))
        ),
        default=0,
    )


def _gpus(mask: int) -> set[int]:
    return {gpu for gpu in range(8) if mask >> gpu & 1}


@pytest.mark.parametrize("size", SLICE_SIZES)
def test_a_slice_is_found_exactly_when_an_aligned_block_is_free(size: int) -> None:
    for free in OCCUPANCIES:
        possible = any(
            set(range(first, first + size)) <= _gpus(free) for first in range(8) if first % size == 0
        )
        assert (choose_slice(free, size) is not None) == possible


@pytest.mark.parametrize("size", SLICE_SIZES)
def test_a_slice_is_aligned_and_free(size: int) -> None:
    for free in OCCUPANCIES:
        start = choose_slice(free, size)
        if start is not None:
            assert start % size == 0
            assert _gpus(slice_mask(start, size)) <= _gpus(free)


@pytest.mark.parametrize("size", SLICE_SIZES)
def test_the_chosen_slice_keeps_the_largest_possible_slice_free(size: int) -> None:
    for free in OCCUPANCIES:
        start = choose_slice(free, size)
        if start is None:
            continue
        kept = _largest_by_trying(_gpus(free) - set(range(start, start + size)))
        for other in range(0, 8, size):
            taken = set(range(other, other + size))
            if taken <= _gpus(free):
                assert _largest_by_trying(_gpus(free) - taken) <= kept


def test_the_largest_free_slice_equals_that_found_by_trying_every_block() -> None:
    assert [largest_slice(free) for free in OCCUPANCIES] == [
        _largest_by_trying(_gpus(f)) for f in OCCUPANCIES
    ]


@pytest.mark.parametrize("node", SLICE_SIZES)
@pytest.mark.parametrize("size", SLICE_SIZES)
def test_a_slice_of_a_smaller_node_lies_within_it(node: int, size: int) -> None:
    for free in range(1 << node):
        start = choose_slice(free, size)
        assert start is None or start + size <= node
    assert (choose_slice((1 << node) - 1, size) is not None) == (size <= node)


def test_one_gpu_is_taken_beside_an_owned_one_before_a_pair_is_broken() -> None:
    assert choose_slice(0b1111_0010, 1) == 1


def test_a_pair_is_taken_from_the_broken_half_before_the_whole_one() -> None:
    assert choose_slice(0b1111_1100, 2) == 2


def test_among_equals_the_lowest_is_taken() -> None:
    assert choose_slice(0b1111_1111, 4) == 0


def test_a_request_for_more_than_is_free_gets_nothing() -> None:
    assert choose_slice(0b0111_1111, 8) is None
    assert choose_slice(0, 1) is None


def test_two_free_gpus_that_are_not_a_pair_are_not_a_slice_of_two() -> None:
    assert free_slices(0b0000_0110, 2) == ()


def test_a_census_counts_every_size_from_the_largest() -> None:
    assert census(0b1111_0011) == (0, 1, 3, 6)


@pytest.mark.parametrize("size", [0, 3, 5, 16])
def test_other_sizes_are_not_slices(size: int) -> None:
    with pytest.raises(ValueError, match="one of"):
        free_slices(0b1111_1111, size)


@pytest.mark.parametrize("free", [-1, 256])
def test_masks_beyond_the_node_are_refused(free: int) -> None:
    with pytest.raises(ValueError, match="8 GPUs"):
        free_slices(free, 1)


def test_filling_a_node_with_mixed_slices_wastes_only_what_alignment_requires() -> None:
    free = 0b1111_1111
    for size in (1, 2, 1, 4):
        start = choose_slice(free, size)
        assert start is not None
        free &= ~slice_mask(start, size)

    assert free == 0

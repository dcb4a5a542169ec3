"""Slices and victims, against brute force over every case."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.placement.preemption import Candidate, choose_victims
from gpu_capacity.placement.slices import SLICE_SIZES, choose_slice, slice_mask

ALL = 255


def blocks(size: int) -> list[int]:
    """Aligned slices, written out instead of computed."""
    return {
        1: [1, 2, 4, 8, 16, 32, 64, 128],
        2: [0b11, 0b1100, 0b11_0000, 0b1100_0000],
        4: [0b1111, 0b1111_0000],
        8: [ALL],
    }[size]


def largest_left(free: int) -> int:
    return max((size for size in (1, 2, 4, 8) if any(b & free == b for b in blocks(size))), default=0)


@pytest.mark.parametrize("size", SLICE_SIZES)
def test_every_occupancy_gives_a_free_slice_that_keeps_the_largest_free(size: int) -> None:
    for free in range(256):
        options = [b for b in blocks(size) if b & free == b]
        start = choose_slice(free, size)
        assert (start is None) == (not options)
        if start is not None:
            chosen = slice_mask(start, size)
            assert chosen in options
            assert largest_left(free & ~chosen) == max(largest_left(free & ~b) for b in options)


def test_no_victim_is_chosen_while_a_slice_is_free() -> None:
    for free in range(256):
        for size in SLICE_SIZES:
            if any(b & free == b for b in blocks(size)):
                chosen = choose_victims(free, size, [])
                assert chosen is not None
                assert chosen.victims == ()


@st.composite
def nodes(draw: st.DrawFn) -> tuple[int, list[Candidate]]:
    """The free GPUs of a node, and the VMs that may be interrupted; other owners have the rest."""
    free, candidates = 0, []
    position = 0
    while position < 8:
        sizes = [s for s in SLICE_SIZES if position % s == 0 and position + s <= 8]
        size = draw(st.sampled_from(sizes))
        mask = ((1 << size) - 1) << position
        kind = draw(st.sampled_from(["free", "kept", "guest", "guest"]))
        if kind == "free":
            free |= mask
        elif kind == "guest":
            candidates.append(Candidate(f"vm{position}", draw(st.integers(0, 3)), mask))
        position += size
    return free, draw(st.permutations(candidates))


@given(nodes(), st.sampled_from(SLICE_SIZES))
def test_the_victims_are_the_fewest_possible_and_then_the_newest(
    node: tuple[int, list[Candidate]], size: int
) -> None:
    free, candidates = node
    enough: list[tuple[Candidate, ...]] = []
    for count in range(len(candidates) + 1):
        for leaving in combinations(candidates, count):
            room = free | sum(c.gpus for c in leaving)
            if any(b & room == b for b in blocks(size)):
                enough.append(leaving)
        if enough:
            break
    chosen = choose_victims(free, size, candidates)
    assert (chosen is None) == (not enough)
    if chosen is None:
        return
    room = free | sum(c.gpus for c in chosen.victims)
    assert chosen.gpus in [b for b in blocks(size) if b & room == b]
    ages = [sorted(((c.created_at, c.id) for c in leaving), reverse=True) for leaving in enough]
    assert [(c.created_at, c.id) for c in chosen.victims] == max(ages)
    options = [b for b in blocks(size) if b & room == b and all(b & c.gpus for c in chosen.victims)]
    assert largest_left(room & ~chosen.gpus) == max(largest_left(room & ~b) for b in options)


def test_of_equal_victims_the_newest_is_chosen() -> None:
    guests = [Candidate("a", 5, 0b11), Candidate("b", 9, 0b1100), Candidate("c", 7, 0b11_0000)]
    chosen = choose_victims(0, 2, guests)
    assert chosen is not None
    assert [c.id for c in chosen.victims] == ["b"]

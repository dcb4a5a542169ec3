"""The quick form of `make prove`: every invariant, on some seeds, crashes and interleavings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from proof.bugs import BUGS
from proof.crashes import STORIES, play, sampled_crashes
from proof.faults import Kind
from proof.quick import BLOCKS, SEEDS, seeds_for
from proof.reduction import classes
from proof.sensitivity import detect
from proof.simulation import simulate

if TYPE_CHECKING:
    from proof.interleavings import Block
    from proof.planting import Bug

SEEDS_A_TEST = 100
"""Enough for every kind of fault, and few enough for the processes of the tests to share the work."""


OF_A_BROKEN_PLANT = ("TypeError", "AttributeError", "NameError")
"""Signs of a bug that the product has outgrown: it is not the product that fails then, but the plant."""


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_A_TEST))
def test_no_seed_violates_anything(first: int) -> None:
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for seed in range(first, first + SEEDS_A_TEST):
        outcome = simulate(seed)
        assert outcome.violations == [], f"make prove SEED={seed}"
        counts += outcome.counts
        faults += outcome.faults

    assert counts["faulted operations"] >= 0.2 * counts["client operations"]
    assert set(faults) == {kind.value for kind in Kind}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.title}, {block.turns} turns")
def test_no_order_of_calls_violates_anything(block: Block) -> None:
    known: set[tuple[int, ...]] = set()
    for found in classes(block):
        assert found.problems == [], found.schedules
        known.update(found.schedules)

    assert known == set(block.schedules())
    assert len(known) == block.size == {2: 252, 3: 1680}[len(block.names)]


@pytest.mark.parametrize("story", STORIES)
def test_after_a_crash_at_any_side_effect_everything_settles_and_nothing_leaks(story: str) -> None:
    undisturbed = play(story, {})
    assert undisturbed.problems == ()
    assert len(undisturbed.effects) > 10

    for strikes, ending in sampled_crashes(story):
        assert ending.problems == (), strikes


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    found = detect(bug, seeds_for(bug.name))

    assert found.seeds is not None
    assert found.sign
    assert not found.sign.startswith(OF_A_BROKEN_PLANT)

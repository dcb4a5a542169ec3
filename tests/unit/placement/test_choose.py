"""Which run a request gets, as rules."""

from __future__ import annotations

from collections import Counter

import pytest

from gpu_capacity.placement.choose import explain, mix, place
from gpu_capacity.placement.model import Placement, Request, Unplaceable
from tests.unit.placement.lines import line

SEEDS = range(200)


def _choices(*pictures: str, count: int, attempt: int = 0) -> set[tuple[str, int]]:
    """(pod, start) of every choice over many seeds."""
    chosen = set()
    for seed in SEEDS:
        decision = place(line(*pictures), Request(count, mix(seed, 0), attempt))
        assert isinstance(decision, Placement)
        assert decision.count == count
        chosen.add((decision.pod_id, decision.start))
    return chosen


def _refusal(*pictures: str, count: int) -> Unplaceable:
    decision = place(line(*pictures), Request(count, seed=1))
    assert isinstance(decision, Unplaceable)
    return decision


def test_takes_a_run_that_fits_exactly_before_any_longer_one() -> None:
    assert _choices("....", "..c...", count=2) == {("p01", 0)}


def test_takes_the_tightest_run_when_none_fits_exactly() -> None:
    assert _choices(".....", "....", ".", count=3) == {("p01", 0), ("p01", 1)}


def test_takes_one_end_of_a_longer_run_so_that_one_run_remains() -> None:
    assert _choices("......", count=2) == {("p00", 0), ("p00", 4)}


def test_spreads_over_equally_tight_runs() -> None:
    assert _choices("..c", "c..", "..c..", count=2) == {("p00", 0), ("p01", 1), ("p02", 0), ("p02", 3)}


def test_is_fair_among_equals() -> None:
    pictures = ["...."] * 8
    drawn = Counter(
        decision.pod_id
        for seed in range(1600)
        if isinstance(decision := place(line(*pictures), Request(4, mix(seed, 0))), Placement)
    )

    assert len(drawn) == 8
    assert all(140 < times < 260 for times in drawn.values())


def test_never_crosses_from_one_pod_into_the_next() -> None:
    assert _refusal("...", "...", count=4).largest_run == 3


def test_never_crosses_a_position_without_a_domain() -> None:
    assert _refusal(".. ..", count=3).largest_run == 2


@pytest.mark.parametrize("letter", ["c", "x", "|"])
def test_never_uses_what_is_claimed_incomplete_or_cordoned(letter: str) -> None:
    assert _refusal(f"..{letter}..", count=3).largest_run == 2


def test_decides_alike_for_the_same_seed() -> None:
    pods = line("....", "....", "....")

    assert place(pods, Request(2, seed=77)) == place(pods, Request(2, seed=77))


@pytest.mark.parametrize("attempt", [1, 2, 15])
def test_after_a_lost_race_takes_any_run_that_fits(attempt: int) -> None:
    pictures = ("..", "...", "........", ".")

    assert {pod for pod, _ in _choices(*pictures, count=2, attempt=0)} == {"p00"}
    assert {pod for pod, _ in _choices(*pictures, count=2, attempt=attempt)} == {"p00", "p01", "p02"}


def test_after_a_lost_race_uses_every_slot_of_a_run_and_not_only_its_ends() -> None:
    assert _choices("......", count=2, attempt=1) == {("p00", 0), ("p00", 2), ("p00", 4)}


def test_slots_of_a_lost_race_stand_in_line_with_one_of_the_ends() -> None:
    assert _choices(".......", count=3, attempt=1) == {("p00", n) for n in (0, 3, 1, 4)}


def test_takes_the_only_run_whatever_the_attempt() -> None:
    assert all(_choices("c..c", count=2, attempt=n) == {("p00", 1)} for n in range(20))


def test_takes_a_whole_pod() -> None:
    assert _choices("........", count=8) == {("p00", 0)}


# Explained refusals.


def test_a_refusal_tells_what_is_available_and_what_is_not() -> None:
    reason = _refusal("..cx|", ".c", "cxx||", count=3)

    assert reason == Unplaceable(requested=3, available=3, largest_run=2, claimed=3, cordoned=3, incomplete=3)


def test_each_excluded_unit_counts_once_by_the_first_reason() -> None:
    """Claimed wins over cordoned, cordoned over incomplete."""
    picture = line("....")
    (pod,) = picture.pods
    mixed = type(pod)("p00", 4, known=0b1111, complete=0b0000, cordoned=0b0110, claimed=0b0011)

    reason = explain(type(picture).of([mixed]), 1)

    assert (reason.claimed, reason.cordoned, reason.incomplete, reason.available) == (2, 1, 1, 0)


def test_a_refusal_over_nothing_at_all_is_all_zeros() -> None:
    assert place(line(), Request(1, seed=0)) == Unplaceable(1, 0, 0, 0, 0, 0)


def test_the_sentence_tells_asked_available_and_the_longest_run() -> None:
    assert _refusal("..c.", count=3).describe() == (
        "insufficient capacity: 3 contiguous units requested, 3 available, largest contiguous count 2 "
        "(excluded: 1 claimed, 0 cordoned, 0 incomplete)"
    )


def test_a_count_beyond_anything_is_refused_at_once() -> None:
    assert _refusal("....", count=2_147_483_647).requested == 2_147_483_647


# The generator behind the choice.


def test_mixing_stays_within_64_bits_and_depends_on_seed_and_attempt() -> None:
    drawn = {mix(seed, attempt) for seed in range(50) for attempt in range(4)}

    assert len(drawn) == 200
    assert all(0 <= value < 1 << 64 for value in drawn)


def test_mixing_is_splitmix64() -> None:
    """The first outputs of the published generator for seed 1234567."""
    assert [mix(1234567, n) for n in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]

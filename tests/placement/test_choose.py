"""Which run a request gets, as rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.placement.choose import explain, mix, place
from gpu_capacity.placement.model import Placement, Request, Unplaceable
from tests.placement.lines import crowded, line

if TYPE_CHECKING:
    from collections.abc import Iterable

SEEDS = range(200)


def _choices(
    *pictures: str, count: int, attempt: int = 0, seeds: Iterable[int] = SEEDS
) -> set[tuple[str, int]]:
    """(pod, start) of every choice over many seeds."""
    chosen, pods = set(), line(*pictures)
    for seed in seeds:
        decision = place(pods, Request(count, mix(seed, 0), attempt))
        assert isinstance(decision, Placement)
        assert decision.count == count
        chosen.add((decision.pod_id, decision.start))
    return chosen


def _refusal(*pictures: str, count: int) -> Unplaceable:
    decision = place(line(*pictures), Request(count, seed=1))
    assert isinstance(decision, Unplaceable)
    return decision


def _lasting(reason: Unplaceable, requested: int) -> bool:
    return replace(reason, requested=requested).is_lasting


def test_a_run_that_fits_exactly_is_taken_before_any_longer_one() -> None:
    assert _choices("....", "..c...", count=2) == {("p01", 0)}


def test_the_shortest_sufficient_run_is_taken_if_none_fits_exactly() -> None:
    assert _choices(".....", "....", ".", count=3) == {("p01", 0), ("p01", 1)}


def test_one_end_of_a_longer_run_is_taken_so_that_one_run_remains() -> None:
    assert _choices("......", count=2) == {("p00", 0), ("p00", 4)}


def test_choices_spread_over_equally_short_runs() -> None:
    assert _choices("..c", "c..", "..c..", count=2) == {("p00", 0), ("p01", 1), ("p02", 0), ("p02", 3)}


def test_a_rest_that_a_size_in_use_can_fill_is_preferred_to_a_small_one() -> None:
    """Threes are in use: of a run of five a two leaves room for one, of a run of four it leaves nothing."""
    assert _choices(*crowded("ccc", "x....x", "x.....x"), count=2) == {("p02", 1), ("p02", 4)}
    assert _choices(*crowded("cccc", "x....x", "x.....x"), count=2) == {("p01", 1), ("p01", 3)}


def test_of_two_runs_with_equal_waste_the_shorter_is_taken() -> None:
    """Threes are in use: one of four or of five units leaves one unit less over than there was."""
    assert _choices(*crowded("xcccx", "x....x", "x.....x"), count=1) == {("p01", 1), ("p01", 4)}


def test_the_shortest_sufficient_run_is_taken_as_long_as_less_is_owned_than_free() -> None:
    """Threes are in use, and a two would leave nothing over of a run of five."""
    assert _choices("ccc", "x....x", "x.....x", "cCc", count=2) == {("p01", 1), ("p01", 3)}
    assert _choices("ccc", "x....x", "x.....x", "ccc", "ccc", count=2) == {("p02", 1), ("p02", 4)}


def test_broken_pods_are_used_until_nothing_more_fits_there() -> None:
    """In a young region and in an old one; ones are in use, of which any run can be filled."""
    broken = ("........", "c......C", "c.c.c.c.c")
    assert {pod for pod, _ in _choices(*broken, count=1)} == {"p02"}
    assert {pod for pod, _ in _choices(*broken[:2], count=1)} == {"p01"}
    assert {pod for pod, _ in _choices(*broken[:2], "cCcC", "cCcC", "cCcC", count=1)} == {"p01"}
    assert {pod for pod, _ in _choices(*broken, count=7)} == {"p00"}


def test_a_pod_whose_owned_runs_are_gone_counts_as_whole_again_and_so_does_a_damaged_one() -> None:
    """Of equally long runs the one adjacent to an owned run is broken already."""
    assert {pod for pod, _ in _choices("...", "x...x", "...c", count=1)} == {"p02"}
    assert {pod for pod, _ in _choices("...", "|...x", "c...", "c" * 9, count=1)} == {"p02"}


def test_the_shortest_sufficient_run_is_taken_while_no_size_is_in_use() -> None:
    assert _choices("x.....x", "x....x", "x......x", count=3) == {("p01", 1), ("p01", 2)}


def test_a_run_between_two_edges_is_filled_before_one_adjacent_to_an_owned_run() -> None:
    assert _choices("xccx", "x..cx", "x..x", "xc..x", count=2) == {("p02", 1)}


def test_the_search_wraps_around_to_the_first_unit_of_the_line() -> None:
    assert _choices("..x", "x..cx", "xc..x", count=2, seeds=range(20)) == {("p00", 0)}


def test_a_row_of_owned_runs_longer_than_the_search_window_is_skipped() -> None:
    assert _choices("c" * 300 + "....", count=2) == {("p00", 302)}
    assert _choices("...." + "c" * 300, count=2) == {("p00", 0)}


def test_the_edge_of_a_pod_is_taken_so_that_the_rest_can_grow() -> None:
    assert _choices("cc....", count=2) == {("p00", 4)}
    assert _choices("....cc", count=2) == {("p00", 0)}


def test_several_runs_are_compared_before_one_is_taken() -> None:
    assert _choices("cc....cc", "cc....", "cc....cc", "cc....cc", count=2) == {("p01", 4)}


def test_units_that_can_never_be_sold_count_as_an_edge() -> None:
    assert _choices("cc....x", count=2) == _choices("cc....|", count=2) == {("p00", 4)}


def test_the_rest_is_left_where_an_ending_owned_run_makes_room_for_a_size_in_use() -> None:
    """Threes are in use, and one fits beside the two once that is given back."""
    assert _choices("xccc", "xc..ccx", count=1) == {("p01", 2)}
    assert _choices("xccc", "xcc..cx", count=1) == {("p01", 4)}


def test_adjacent_owned_runs_are_distinguished() -> None:
    """The rest of one is left beside the three that will end together, not beside the first of three ones."""
    assert _choices("xxcccc", "xccc..cCCx", count=1) == {("p01", 5)}


def test_runs_beyond_the_shortest_lengths_are_considered_if_these_are_few() -> None:
    assert _choices("x" + "." * 40 + "x", "x" + "." * 41 + "x", count=20) == {("p00", 1), ("p00", 21)}


def test_equal_runs_are_chosen_equally_often() -> None:
    pods = line(*["...."] * 8)
    drawn = Counter(
        decision.pod_id
        for seed in range(1600)
        if isinstance(decision := place(pods, Request(4, mix(seed, 0))), Placement)
    )

    assert len(drawn) == 8
    assert all(140 < times < 260 for times in drawn.values())


def test_a_choice_never_crosses_from_one_pod_into_the_next() -> None:
    assert _refusal("...", "...", count=4).largest_run == 3


def test_a_choice_never_crosses_a_position_without_a_domain() -> None:
    assert _refusal(".. ..", count=3).largest_run == 2


@pytest.mark.parametrize("letter", ["c", "x", "|"])
def test_owned_incomplete_and_cordoned_units_are_never_used(letter: str) -> None:
    assert _refusal(f"..{letter}..", count=3).largest_run == 2


def test_the_same_seed_gives_the_same_choice() -> None:
    pods = line("....", "....", "....")

    assert place(pods, Request(2, seed=77)) == place(pods, Request(2, seed=77))


@pytest.mark.parametrize("attempt", [1, 2, 15])
def test_after_a_lost_race_any_run_that_fits_may_be_chosen(attempt: int) -> None:
    pictures = ("..", "...", "........", ".")

    assert {pod for pod, _ in _choices(*pictures, count=2, attempt=0)} == {"p00"}
    assert {pod for pod, _ in _choices(*pictures, count=2, attempt=attempt)} == {"p00", "p01", "p02"}


def test_after_a_lost_race_every_slot_of_a_run_may_be_chosen_and_not_only_its_ends() -> None:
    assert _choices("......", count=2, attempt=1) == {("p00", 0), ("p00", 2), ("p00", 4)}


def test_slots_after_a_lost_race_are_aligned_with_one_of_the_ends() -> None:
    assert _choices(".......", count=3, attempt=1) == {("p00", n) for n in (0, 3, 1, 4)}


def test_after_a_lost_race_long_runs_are_left_to_the_largest_sizes_while_half_of_the_runs_are_shorter() -> (
    None
):
    """A run of four is owned, and is the largest."""
    some = ("cccc", "x..x", "x....x")
    many = (*some, "x.....x")

    assert {pod for pod, _ in _choices(*some, count=2, attempt=1)} == {"p01"}
    assert {pod for pod, _ in _choices(*some, count=4, attempt=1)} == {"p02"}
    assert {pod for pod, _ in _choices(*many, count=2, attempt=1)} == {"p01", "p02", "p03"}


def test_the_only_run_is_taken_whatever_the_attempt() -> None:
    assert all(_choices("c..c", count=2, attempt=n) == {("p00", 1)} for n in range(20))


def test_a_whole_pod_can_be_taken() -> None:
    assert _choices("........", count=8) == {("p00", 0)}


# Explained refusals.


def test_a_refusal_counts_available_and_excluded_units() -> None:
    reason = _refusal("..cx|", ".c", "cxx||", count=3)

    assert reason == Unplaceable(
        3, available=3, largest_run=2, claimed=3, cordoned=3, incomplete=3, largest_possible=5
    )


def test_each_excluded_unit_counts_once_by_the_first_reason() -> None:
    """Owned comes before cordoned, cordoned before incomplete."""
    picture = line("....")
    (pod,) = picture.pods
    mixed = type(pod)("p00", 4, known=0b1111, complete=0b0000, cordoned=0b0110, owned=0b0011)

    reason = explain(type(picture).of([mixed]), 1)

    assert (reason.claimed, reason.cordoned, reason.incomplete, reason.available) == (2, 1, 1, 0)


def test_a_refusal_without_any_units_is_all_zeros() -> None:
    assert place(line(), Request(1, seed=0)) == Unplaceable(1, 0, 0, 0, 0, 0, 0)


def test_the_text_has_requested_and_available_units_and_the_longest_run() -> None:
    assert _refusal("..c.", count=3).describe() == (
        "insufficient capacity: 3 contiguous units requested, 3 available, largest contiguous count 2 "
        "(excluded: 1 claimed, 0 cordoned, 0 incomplete); pods have up to 4 contiguous units, so it may fit "
        "later"
    )


def test_the_text_says_what_can_never_fit() -> None:
    assert _refusal("..c.", "..", count=5).describe() == (
        "insufficient capacity: 5 contiguous units requested, 5 available, largest contiguous count 2 "
        "(excluded: 1 claimed, 0 cordoned, 0 incomplete); no pod has more than 4 contiguous units, so it can "
        "never fit"
    )


@pytest.mark.parametrize(
    ("pictures", "possible"),
    [(("cccc", "xx|"), 4), (("x|c.",), 4), ((".. ...",), 3), (("", " "), 0), ((), 0), (("...", "....."), 5)],
)
def test_the_largest_possible_run_counts_domains_in_every_state(
    pictures: tuple[str, ...], possible: int
) -> None:
    reason = explain(line(*pictures), 9)

    assert reason.largest_possible == possible
    assert (_lasting(reason, possible), _lasting(reason, possible + 1)) == (False, True)


def test_a_count_larger_than_every_pod_is_refused_at_once() -> None:
    assert _refusal("....", count=2_147_483_647).requested == 2_147_483_647


# The random number generator.


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

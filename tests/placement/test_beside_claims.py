"""How the neighbours of a run affect the choice, and how far the choice looks."""

from __future__ import annotations

from gpu_capacity.inventory.model import DomainShape, PodShape
from gpu_capacity.inventory.snapshot import Ownership, pod_bits
from gpu_capacity.placement.choose import RUNS_COMPARED_MAX, mix, place, wasted
from gpu_capacity.placement.model import Placement, Request
from tests.placement.lines import crowded, line

LAST = f"p{RUNS_COMPARED_MAX + 2:02}"
"""The pod behind one with a claim and one more than are compared."""


def _choices(*pictures: str, count: int, seeds: int = 12) -> set[tuple[str, int]]:
    """(pod, start) of every choice over many seeds."""
    chosen = set()
    for seed in range(seeds):
        decision = place(line(*pictures), Request(count, mix(seed, 0)))
        assert isinstance(decision, Placement)
        chosen.add((decision.pod_id, decision.start))
    return chosen


def test_runs_on_both_sides_of_an_owned_run_gain_equally_from_its_end() -> None:
    assert _choices("xccc", ".c.", count=1) == {("p01", 0), ("p01", 2)}
    assert _choices("x.c.", "xccc", count=1) == {("p00", 1), ("p00", 3)}


def test_owned_runs_on_both_sides_of_a_run_count_equally_at_the_start_of_the_line() -> None:
    assert _choices("c...c", "xccc", count=1) == {("p00", 1), ("p00", 3)}


def test_only_the_adjacent_owned_run_counts_and_not_the_whole_row() -> None:
    assert _choices("xccc", ".CCc.", count=1) == {("p01", 0)}


def test_owned_runs_behind_the_adjacent_ones_and_on_the_other_side_count_as_well() -> None:
    """Twos and threes are in use: where both twos may end, the run between them is part of a longer one."""
    assert _choices(*crowded("ccc", "x..Cc..Ccx"), count=1) == {("p01", 1)}


def test_among_equals_the_edge_of_a_pod_is_taken() -> None:
    assert _choices("cc....", count=2) == {("p00", 4)}


def test_a_pod_is_judged_equally_at_every_place_on_the_line() -> None:
    assert _choices("ccc", "..c.C.", count=1) == {("p01", 0)}
    assert _choices("x" * 140, "ccc", "..c.C.", count=1) == {("p02", 0)}
    assert _choices("xxcccc", "xccc..cCCx", count=1) == {("p01", 5)}
    assert _choices("x" * 140, "xxcccc", "xccc..cCCx", count=1) == {("p02", 5)}


def test_the_run_that_leaves_the_least_is_found_behind_more_shorter_ones_than_are_compared() -> None:
    """Threes are in use: a two leaves two of four over, of five nothing."""
    many = ["x....x"] * (RUNS_COMPARED_MAX + 1)

    assert _choices(*crowded("ccc", *many, "x.....x"), count=2) == {(LAST, 1), (LAST, 4)}


def test_lengths_of_runs_are_ranked_by_the_additional_waste() -> None:
    """Threes are in use: a two leaves one of six over, where nothing was left over before."""
    many = ["x......x"] * (RUNS_COMPARED_MAX + 1)

    assert _choices(*crowded("ccc", *many, "x.....x"), count=2) == {(LAST, 1), (LAST, 4)}


def test_both_ends_of_a_run_are_taken_equally_often_where_they_are_equally_good() -> None:
    taken = [place(line("......"), Request(2, mix(seed, 0))) for seed in range(400)]

    assert 160 < sum(isinstance(at, Placement) and at.start == 0 for at in taken) < 240


def test_the_far_end_of_a_long_run_is_considered() -> None:
    assert _choices("." * 100 + "cc", count=2) == {("p00", 0)}


def test_a_run_is_found_however_much_longer_it_is_than_what_is_asked_for() -> None:
    for length in range(1, 300):
        (chosen,) = {start for _, start in _choices("." * length, count=1, seeds=1)}
        assert chosen in (0, length - 1)


def test_the_waste_of_a_run_is_its_remainder_for_each_size_in_use() -> None:
    """At 20 a unit, less the size itself if there is room for it."""
    assert wasted(0b1000, 5) == 20 * 2 - 3
    assert wasted(0b1_1010, 7) == 20 * (7 % 1 + 7 % 3 + 7 % 4) - 1 - 3 - 4
    assert wasted(0b1000, 2) == 20 * 2
    assert wasted(0, 5) == 0


def test_an_incomplete_first_domain_is_not_sold() -> None:
    domains = (
        DomainShape(0, 4, 0b0111, complete=False, cordoned=False),
        DomainShape(1, 4, 0b1111, complete=True, cordoned=False),
    )

    pod = pod_bits(PodShape("r", "a", "f", 1, domains), Ownership("a", 1, owned=0))

    assert (pod.known, pod.complete, pod.free, pod.borders) == (0b11, 0b10, 0b10, 0)


def test_of_a_host_with_owned_gpus_the_other_gpus_are_free() -> None:
    owned = Ownership("a", 1, owned=0b111, parts={1: {"one": 1}}, gpus={0: {"g1": 0b0010, "g2": 0b1000}})

    assert owned.free_gpus(0, 4) == 0b0101
    assert owned.free_gpus(1, 4) == 0
    assert owned.free_gpus(2, 4) == 0
    assert owned.free_gpus(3, 4) == 0b1111


def test_a_host_owned_whole_and_by_gpus_has_no_free_gpus() -> None:
    owned = Ownership("a", 1, owned=0b1, parts={0: {"one": 1}}, gpus={0: {"g1": 0b0010}})

    assert owned.free_gpus(0, 4) == 0
    assert owned.owned_hosts(0) == -1

"""What a claim beside a run does to the choice, and how far the choice looks."""

from __future__ import annotations

from gpu_capacity.placement.choose import RUNS_COMPARED_MAX, mix, place
from gpu_capacity.placement.model import Placement, Request
from gpu_capacity.placement.snapshot import Ownership
from tests.unit.placement.lines import line


def _choices(*pictures: str, count: int) -> set[tuple[str, int]]:
    """(pod, start) of every choice over many seeds."""
    chosen = set()
    for seed in range(60):
        decision = place(line(*pictures), Request(count, mix(seed, 0)))
        assert isinstance(decision, Placement)
        chosen.add((decision.pod_id, decision.start))
    return chosen


def test_the_runs_on_both_sides_of_a_claim_gain_alike_by_its_end() -> None:
    assert _choices("xccc", ".c.", count=1) == {("p01", 0), ("p01", 2)}
    assert _choices("x.c.", "xccc", count=1) == {("p00", 1), ("p00", 3)}


def test_only_the_claim_right_beside_a_run_counts_and_not_the_row_that_it_stands_in() -> None:
    assert _choices("xccc", ".CCc.", count=1) == {("p01", 0)}


def test_a_pod_is_judged_alike_wherever_it_stands_on_the_line() -> None:
    assert _choices("ccc", "..c.C.", count=1) == {("p01", 0)}
    assert _choices("x" * 140, "ccc", "..c.C.", count=1) == {("p02", 0)}


def test_the_run_that_leaves_the_least_is_found_behind_more_shorter_ones_than_are_compared() -> None:
    """Threes are in use: a two leaves two of four over, of five nothing."""
    many = ["x....x"] * (RUNS_COMPARED_MAX + 1)

    assert _choices("ccc", *many, "x.....x", count=2) == {("p08", 1), ("p08", 4)}


def test_of_a_host_that_is_owned_by_gpus_the_others_are_free() -> None:
    owned = Ownership("a", 1, claimed=0b111, parts={1: {"one": 1}}, gpus={0: {"g1": 0b0010, "g2": 0b1000}})

    assert owned.free_gpus(0, 4) == 0b0101
    assert owned.free_gpus(1, 4) == 0
    assert owned.free_gpus(2, 4) == 0
    assert owned.free_gpus(3, 4) == 0b1111

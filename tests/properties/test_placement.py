"""Placement against a brute-force oracle, on small lines of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from gpu_capacity.inventory.snapshot import Ownership, Snapshot
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.choose import (
    RUNS_COMPARED_MAX,
    explain,
    mix,
    place,
)
from gpu_capacity.placement.line import longest_run
from gpu_capacity.placement.model import Placement, Request, Unplaceable
from testkit.searching import examples
from testkit.world import offering, pod
from tests.properties.pictures import (
    CLAIM,
    candidates,
    crowded_regions,
    left_behind,
    line_of,
    opening_cost,
    regions,
    run_of,
    runs_of,
    sizes_in_use,
    wasted,
)

if TYPE_CHECKING:
    import random

SEEDS = st.integers(0, 2**64 - 1)
ATTEMPTS = st.integers(0, 4)
COUNTS = st.integers(1, 9)


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_placement_succeeds_exactly_when_trying_every_slot_does(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    possible = any("." * count in picture for picture in region.values())

    assert isinstance(place(line_of(region), Request(count, seed, attempt)), Placement) == possible


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_every_placement_is_free_contiguous_and_within_one_pod(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    decision = place(line_of(region), Request(count, seed, attempt))

    if isinstance(decision, Placement):
        assert decision.count == count
        assert decision.start >= 0
        assert region[decision.pod_id][decision.start : decision.start + count] == "." * count


@given(regions(), COUNTS, SEEDS)
def test_the_first_choice_is_one_of_the_ends_of_a_run(region: dict[str, str], count: int, seed: int) -> None:
    decision = place(line_of(region), Request(count, seed))

    if isinstance(decision, Placement):
        start, length = run_of(region, decision)
        assert decision.start in (start, start + length - count)


@examples(400)
@given(st.one_of(regions(), crowded_regions()), st.integers(1, 4), SEEDS)
@example(region={"pod0": "." * 21 + "Cc.."}, count=1, seed=0)
@example(region={"pod0": "." * 21 + "Cc..", "pod1": "Cc" * 11}, count=1, seed=0)
@example(region={"pod0": "...", "pod1": "c.."}, count=1, seed=0)
def test_the_first_choice_leaves_the_least_behind_of_all_ends(
    region: dict[str, str], count: int, seed: int
) -> None:
    """For few enough runs to compare them all; in a young region, of the shortest ones."""
    fitting = candidates(region, count)
    decision = place(line_of(region), Request(count, seed))

    if isinstance(decision, Placement) and len(fitting) <= RUNS_COMPARED_MAX:
        costs = {
            (run[0], at): left_behind(region, run, at, count)
            for run in fitting
            for at in (run[1], run[1] + run[2] - count)
        }
        assert costs[decision.pod_id, decision.start] == min(costs.values())


LONG_PODS = st.lists(
    st.one_of(st.integers(1, 40).map(lambda units: "." * units), CLAIM, st.sampled_from("x| ")),
    min_size=1,
    max_size=24,
)


@examples(200)
@given(st.lists(LONG_PODS.map("".join), min_size=1, max_size=4), st.integers(1, 6), SEEDS)
@example(pods=["x".join("." * length for length in range(1, 24)), "Cc" * 150], count=1, seed=0)
def test_no_run_that_leaves_less_now_is_missed_however_many_runs_there_are(
    pods: list[str], count: int, seed: int
) -> None:
    """The choice is no worse than the best end of a run of which taking units leaves the least behind now.

    All runs are ranked by that, whatever their length, and in a young region by their length. Only for a few
    of them the neighbours are examined.
    """
    region = {f"pod{number}": picture for number, picture in enumerate(pods)}
    sizes = sizes_in_use(region)
    decision = place(line_of(region), Request(count, seed))

    def left_now(run: tuple[str, int, int]) -> int:
        more = wasted(sizes, run[2] - count) - wasted(sizes, run[2])
        return more + opening_cost(region, run, count)

    def cost(run: tuple[str, int, int]) -> int:
        return min(left_behind(region, run, at, count) for at in (run[1], run[1] + run[2] - count))

    if isinstance(decision, Placement):
        fitting = candidates(region, count)
        least = min(map(left_now, fitting))
        start, length = run_of(region, decision)
        taken = left_behind(region, (decision.pod_id, start, length), decision.start, count)
        assert taken <= max(cost(run) for run in fitting if left_now(run) == least)


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_slots_after_a_lost_race_are_aligned_with_an_end(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    """So that two owned runs leave a whole number of slots between them."""
    decision = place(line_of(region), Request(count, seed, attempt))

    if isinstance(decision, Placement):
        start, length = run_of(region, decision)
        from_left, from_right = decision.start - start, start + length - decision.start - count
        assert 0 in (from_left % count, from_right % count)


def _choices(region: dict[str, str], count: int, attempt: int) -> set[str]:
    """Runs that an attempt may choose, found with very many seeds."""
    line = line_of(region)
    decisions = (place(line, Request(count, mix(seed, 0), attempt)) for seed in range(300))
    found = set()
    for decision in decisions:
        assert isinstance(decision, Placement)
        found.add(f"{decision.pod_id}:{run_of(region, decision)[0]}")
    return found


@examples(40)
@given(regions(), COUNTS)
def test_after_a_lost_race_every_run_that_fits_may_be_chosen(region: dict[str, str], count: int) -> None:
    fitting = {f"{pod_id}:{start}" for pod_id, start, size in runs_of(region) if size >= count}

    if fitting:
        assert _choices(region, count, 0) <= fitting
        assert _choices(region, count, 1) == fitting


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_the_same_seed_gives_the_same_choice(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    asked = Request(count, seed, attempt)

    assert place(line_of(region), asked) == place(line_of(dict(region)), asked)


@given(regions(), COUNTS, SEEDS, ATTEMPTS, st.randoms(use_true_random=False))
def test_the_order_of_the_pods_does_not_matter(
    region: dict[str, str], count: int, seed: int, attempt: int, order: random.Random
) -> None:
    asked, shuffled = Request(count, seed, attempt), list(region.items())
    order.shuffle(shuffled)

    assert place(line_of(dict(shuffled)), asked) == place(line_of(region), asked)


@given(regions(), COUNTS)
def test_an_explanation_counts_every_unit_once(region: dict[str, str], count: int) -> None:
    reason = explain(line_of(region), count)
    known = "".join(region.values()).replace(" ", "")

    assert reason.available + reason.claimed + reason.cordoned + reason.incomplete == len(known)
    assert reason.claimed == known.count("c") + known.count("C")
    assert reason.cordoned == known.count("|")
    assert reason.incomplete == known.count("x")
    assert reason.largest_run == max((size for _, _, size in runs_of(region)), default=0)
    assert reason.largest_possible == max(
        (len(part) for picture in region.values() for part in picture.split(" ")), default=0
    )


@given(regions(), COUNTS, SEEDS)
def test_a_refusal_is_always_for_more_than_the_longest_run(
    region: dict[str, str], count: int, seed: int
) -> None:
    decision = place(line_of(region), Request(count, seed))

    if isinstance(decision, Unplaceable):
        assert decision.largest_run < count
        assert decision.largest_run <= decision.available


@given(regions())
def test_largest_is_at_most_available_and_available_at_most_total(region: dict[str, str]) -> None:
    line = line_of(region)
    total = sum(p.complete.bit_count() for p in line.pods)

    assert longest_run(line.free) <= line.free.bit_count() <= total


@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 5), SEEDS), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_owned_runs_never_overlap_and_releasing_them_in_any_order_restores_the_start(
    lengths: list[int], requests: list[tuple[int, int]], order: random.Random
) -> None:
    shapes = [shape_of(pod(f"pod{n}", length), offering()) for n, length in enumerate(lengths)]
    empty = Snapshot.of(shapes, [Ownership(shape.pod_id, 1, 0) for shape in shapes])
    snapshot, held = empty, []
    for count, seed in requests:
        decision = place(snapshot.line, Request(count, seed))
        if isinstance(decision, Placement):
            before = snapshot.ownership[decision.pod_id].owned
            mask = sum(1 << position for position in decision.positions)
            assert before & mask == 0
            snapshot = snapshot.seeing(Ownership(decision.pod_id, 1, before | mask))
            held.append((decision.pod_id, mask))
    assert snapshot.counts().available == sum(lengths) - sum(mask.bit_count() for _, mask in held)

    order.shuffle(held)
    for pod_id, mask in held:
        owned = snapshot.ownership[pod_id].owned
        snapshot = snapshot.seeing(Ownership(pod_id, 1, owned & ~mask))

    assert snapshot.line == empty.line
    assert snapshot.counts() == empty.counts()


@examples(30)
@given(st.integers(1, 40), st.integers(1, 12), SEEDS)
def test_one_size_of_request_fills_an_empty_pod_without_waste(length: int, count: int, seed: int) -> None:
    """Taking ends keeps the rest in one piece, so only a remainder is left over."""
    shape = shape_of(pod("pod1", length), offering())
    snapshot = Snapshot.of([shape], [Ownership("pod1", 1, 0)])
    placed = 0
    while isinstance(decision := place(snapshot.line, Request(count, mix(seed, placed))), Placement):
        owned = snapshot.ownership["pod1"].owned | sum(1 << position for position in decision.positions)
        snapshot = snapshot.seeing(Ownership("pod1", 1, owned))
        placed += 1

    assert placed == length // count


@examples(60)
@given(
    st.integers(1, 8),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(1, 20), SEEDS), min_size=1, max_size=40),
)
@example(pods=16, length=8, requests=[(1, seed) for seed in range(46)])
@example(pods=20, length=18, requests=[(1, seed) for seed in range(46)])
def test_until_half_is_owned_a_region_keeps_as_many_whole_pods_as_with_best_fit(
    pods: int, length: int, requests: list[tuple[int, int]]
) -> None:
    """Pods of one length, nothing given back: ends are taken, so each pod has one run, as with best fit."""
    shapes = [shape_of(pod(f"pod{n}", length), offering()) for n in range(pods)]
    snapshot = Snapshot.of(shapes, [Ownership(shape.pod_id, 1, 0) for shape in shapes])
    runs = [length] * pods
    for count, seed in requests:
        if 2 * sum(runs) <= pods * length:
            break
        decision = place(snapshot.line, Request(count, seed))
        if isinstance(decision, Placement):
            shortest = min(run for run in runs if run >= count)
            runs[runs.index(shortest)] -= count
            before = snapshot.ownership[decision.pod_id]
            mask = sum(1 << position for position in decision.positions)
            borders = before.borders | 1 << decision.start
            snapshot = snapshot.seeing(Ownership(decision.pod_id, 1, before.owned | mask, borders=borders))
        whole = sum(ownership.owned == 0 for ownership in snapshot.ownership.values())
        assert whole == runs.count(length)

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from benchmarks.chance import stream
from benchmarks.quality.adversary import robson_bound, survives, units_needed
from benchmarks.quality.part import pooled_against_exact
from benchmarks.quality.policies import (
    POLICIES,
    SECONDS_APART,
    Layout,
    any_units_in_one_pod,
    best_fit,
    buddy,
    first_fit,
    pooled,
    this_chooser,
    worst_fit,
)
from benchmarks.quality.references import clairvoyant_bound, kaufman_roberts
from benchmarks.quality.replay import replay
from benchmarks.quality.swf import at_load, read_workload
from benchmarks.quality.traces import MIXES, Job, offered, poisson_trace
from benchmarks.quality.young import BEGINNINGS, Beginning, most_whole_pods, whole_pods, whole_pods_after
from gpu_capacity.errors import InsufficientCapacity
from gpu_capacity.holders.ids import seed_of
from gpu_capacity.inventory.store import SNAPSHOT_SECONDS_MAX
from gpu_capacity.placement.choose import mix
from gpu_capacity.placement.line import longest_run
from gpu_capacity.reservations.create import create_reservation
from testkit.reservations import end
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.quality.policies import Policy
    from gpu_capacity.reservations.record import Reservation

SMALL = Layout.of(2, 8)


def picture(layout: Layout, free: int) -> str:
    return " ".join(
        "".join("." if mask >> at & 1 else "c" for at in range(layout.length))
        for mask in layout.pod_masks(free)
    )


def bits(layout: Layout, text: str) -> int:
    """Free units and the first units of owned runs from a picture: ``.`` free, ``c`` owned."""
    return sum(
        1 << offset + at
        for offset, pod in zip(layout.line.offsets, text.split(), strict=True)
        for at, letter in enumerate(pod)
        if letter == "."
    )


def begins_of(layout: Layout, free: int) -> int:
    claimed = layout.line.free ^ free
    return claimed & ~(claimed << 1)


def after(policy: Policy, text: str, size: int) -> str:
    free = bits(SMALL, text)
    return picture(SMALL, free ^ policy(free, begins_of(SMALL, free), size, mix(7, 0)))


# References for the simulator.


@pytest.mark.parametrize("load", [0.8, 1.0])
def test_the_simulator_agrees_with_kaufman_and_roberts_where_all_units_are_one_pool(load: float) -> None:
    simulated, exact = pooled_against_exact(Layout.of(20, 18), "mixed", load, seeds=range(6), jobs=15_000)

    assert simulated == pytest.approx(exact, abs=0.01)


def test_kaufman_and_roberts_give_erlangs_loss_for_a_single_size() -> None:
    """Ten servers, ten Erlang: 0.2146 in every table."""
    assert kaufman_roberts(10, {1: 10.0})[1] == pytest.approx(0.2146, abs=5e-5)


def test_kaufman_and_roberts_lose_more_of_the_larger_requests() -> None:
    blocked = kaufman_roberts(20, {1: 4.0, 3: 2.0, 8: 0.5})

    assert 0 < blocked[1] < blocked[3] < blocked[8] < 1


def test_the_bound_accepts_what_fits_together_and_a_fraction_of_the_rest() -> None:
    trace = [Job(0.0, 6, 1.0), Job(0.5, 6, 1.0), Job(5.0, 10, 2.0)]

    assert clairvoyant_bound(trace, 10) == pytest.approx(10.0 + 20.0)
    assert clairvoyant_bound(trace, 12) == pytest.approx(offered(trace))


@pytest.mark.parametrize("name", MIXES)
def test_no_replay_exceeds_the_bound(name: str) -> None:
    layout = Layout.of(4, 18)
    trace = poisson_trace(MIXES[name], units=layout.units, load=1.0, jobs=400, seed=1)
    bound = clairvoyant_bound(trace, layout.units)

    for make in (*POLICIES.values(), pooled):
        assert replay(layout, make(layout), trace).accepted <= bound


# The policies.


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("mix_name", MIXES)
def test_every_policy_takes_free_units_and_accepts_whenever_its_rule_allows(name: str, mix_name: str) -> None:
    layout = Layout.of(3, 18)
    policy = POLICIES[name](layout)
    seen = []

    def watched(free: int, begins: int, size: int, seed: int) -> int:
        taken = policy(free, begins, size, seed)
        seen.append((free, size, taken))
        return taken

    replay(layout, watched, poisson_trace(MIXES[mix_name], units=layout.units, load=1.2, jobs=400, seed=2))

    assert any(not taken for *_, taken in seen)
    for free, size, taken in seen:
        assert taken & ~free == 0
        if name == "any units in one pod":
            assert bool(taken) == any(mask.bit_count() >= size for mask in layout.pod_masks(free))
            assert taken.bit_count() in (0, size)
        elif name == "buddy":
            assert longest_run(taken) in (0, 1 << (size - 1).bit_length())
        else:
            assert longest_run(taken) == (size if longest_run(free) >= size else 0)


def test_first_fit_takes_the_lowest_place() -> None:
    assert after(first_fit(SMALL), "c...c..c c..ccccc", 2) == "ccc.c..c c..ccccc"


def test_best_fit_takes_a_shortest_run() -> None:
    assert after(best_fit(SMALL), "c...cccc c..c...c", 2) == "c...cccc cccc...c"


def test_worst_fit_takes_a_longest_run() -> None:
    assert after(worst_fit(SMALL), "c...cccc c....ccc", 2) == "c...cccc ccc..ccc"


def test_buddy_takes_whole_blocks_at_multiples_of_their_size() -> None:
    assert after(buddy(SMALL), "c....... cccccccc", 3) == "c...cccc cccccccc"
    assert after(buddy(SMALL), ".c...... cccccccc", 1) == "cc...... cccccccc"
    assert after(buddy(SMALL), "c....ccc cccccccc", 3) == "c....ccc cccccccc"


def test_any_units_takes_the_fullest_pod_that_has_enough() -> None:
    assert after(any_units_in_one_pod(SMALL), "c.c.c.c. c.....cc", 4) == "cccccccc c.....cc"


def test_this_projects_policy_gets_the_borders_of_owned_runs() -> None:
    """The rest is left beside the owned run of three, which will end at once, and not beside three of one."""
    free = bits(SMALL, "ccc..ccc cccccccc")
    fours = begins_of(SMALL, free) | 1 << SMALL.line.offsets[1] + 4
    ones_on_the_left, ones_on_the_right = 0b111, 0b111 << 5

    chosen = [
        picture(SMALL, free ^ this_chooser(SMALL)(free, fours | ones, 1, 1))
        for ones in (ones_on_the_left, ones_on_the_right)
    ]

    assert chosen == ["cccc.ccc cccccccc", "ccc.cccc cccccccc"]


@pytest.mark.parametrize("seconds_apart", [0, SECONDS_APART, 2 * SNAPSHOT_SECONDS_MAX])
def test_this_projects_policy_decides_as_the_service_does(seconds_apart: int) -> None:
    """The same requests through the whole use case, with deletes in between that run other functions."""
    layout = Layout.of(4, 8)
    policy = this_chooser(layout, seconds_apart=seconds_apart)
    world = World(pods=tuple(pod(p.pod_id, 8, hosts=1) for p in layout.line.pods))
    free, begins = layout.line.free, 0
    chance, held, refused = stream("as the service", seconds_apart), [], 0
    for _ in range(120):
        size = chance.choice((1, 1, 2, 3, 5, 8))
        world.clock.advance(seconds_apart)
        try:
            made = create_reservation(world.services, caller(), request(size)).reservation
        except InsufficientCapacity:
            refused += 1
            assert policy(free, begins, size, 1) == 0
        else:
            taken = policy(free, begins, size, seed_of(made.id))
            [run] = made.runs
            first = layout.offsets[run.placement.pod_id] + run.placement.start
            assert taken == ((1 << size) - 1) << first
            free, begins = free ^ taken, begins | taken & -taken
            held.append((made, taken))
        while held and chance.random() < 0.5:
            ended, given_back = held.pop(chance.randrange(len(held)))
            _end(world, ended)
            free, begins = free | given_back, begins ^ (given_back & -given_back)
    assert 0 < refused < 60


def _end(world: World, ended: Reservation) -> None:
    end(world.environment(), ended)


# Young regions.


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=lambda beginning: beginning.name)
def test_a_young_region_keeps_as_many_whole_pods_as_best_fit_would(beginning: Beginning) -> None:
    kept = whole_pods(beginning, range(3))

    assert kept["best fit"] <= kept["this chooser"] <= kept["at most"]


def test_pods_count_as_whole_if_nothing_was_taken_from_them() -> None:
    layout = Layout.of(4, 8)

    assert whole_pods_after(layout, first_fit(layout), [3, 3, 3, 8]) == 1
    assert whole_pods_after(layout, worst_fit(layout), [1, 1, 1]) == 1


@pytest.mark.parametrize(
    ("requests", "most"),
    [
        ([], 6),
        ([1] * 9, 4),
        ([5, 5, 5], 3),
        ([5, 5, 3, 3], 4),
        ([3] * 5, 3),
        ([8, 7, 2], 3),
        ([3, 5, 5, 5], 3),
        ([4, 4, 1], 4),
    ],
)
def test_the_bound_on_whole_pods_follows_from_units_and_pairs(requests: list[int], most: int) -> None:
    assert most_whole_pods(Layout.of(6, 8), requests) == most


# Replaying.


def test_a_job_that_does_not_fit_is_lost_and_units_of_ended_jobs_are_used_again() -> None:
    layout = Layout.of(1, 4)
    trace = [Job(0.0, 3, 2.0), Job(1.0, 2, 5.0), Job(2.0, 4, 1.0)]

    outcome = replay(layout, first_fit(layout), trace)

    assert (outcome.jobs, outcome.jobs_accepted) == (3, 2)
    assert (outcome.offered, outcome.accepted) == (6.0 + 10.0 + 4.0, 6.0 + 4.0)


def test_samples_are_taken_at_even_intervals() -> None:
    layout = Layout.of(1, 4)

    outcome = replay(layout, first_fit(layout), [Job(0.0, 1, 1.5), Job(3.0, 1, 1.0)], glimpse_every=1.0)

    assert [(g.time, g.free, g.longest) for g in outcome.glimpses] == [(1.0, 3, 3), (2.0, 4, 4), (3.0, 4, 4)]


def test_a_trace_has_the_requested_load() -> None:
    trace = poisson_trace(MIXES["odd"], units=100, load=0.8, jobs=40_000, seed=1)

    assert offered(trace) / trace[-1].arrival / 100 == pytest.approx(0.8, rel=0.03)
    assert trace == poisson_trace(MIXES["odd"], units=100, load=0.8, jobs=40_000, seed=1)


# The adversary.


def test_no_policy_survives_robsons_program_below_his_bound() -> None:
    peak, largest = 64, 8

    for name in ("this chooser", "best fit", "first fit"):
        needed = units_needed(POLICIES[name], peak, largest)
        assert robson_bound(peak, largest) <= needed + peak // 64 <= 4 * peak


def test_robsons_program_needs_no_more_than_its_peak_where_objects_may_be_split() -> None:
    layout = Layout.of(1, 64)

    assert survives(pooled(layout), layout.line.free, peak=64, largest=1)


# Traces in the Standard Workload Format.

SWF = """\
; Computer: a made-up one
; MaxProcs: 64

1 100 5 600 4 -1 -1 4 600 -1 1 1 1 1 1 1 -1 -1
2 160 0 300 9 -1 -1 8 300 -1 1 1 1 1 1 1 -1 -1
3 170 0 -1 4 -1 -1 4 300 -1 0 1 1 1 1 1 -1 -1
4 180 0 60 -1 -1 -1 17 60 -1 1 1 1 1 1 1 -1 -1
5 200 0 60 64 -1 -1 64 60 -1 1 1 1 1 1 1 -1 -1
"""


@pytest.fixture(params=["some.swf", "some.swf.gz"])
def swf(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name: str = request.param
    path = tmp_path / name
    path.write_bytes(gzip.compress(SWF.encode()) if path.suffix == ".gz" else SWF.encode())
    return path


def test_a_workload_is_read_in_whole_units(swf: Path) -> None:
    found = read_workload(swf, units=16, largest=8, jobs_max=10)

    assert found.processors_per_unit == 4
    assert found.jobs == [Job(100.0, 1, 600.0), Job(160.0, 3, 300.0), Job(180.0, 5, 60.0)]
    assert found.too_large == pytest.approx(1 / 4)


def test_a_workload_is_cut_after_so_many_jobs(swf: Path) -> None:
    assert len(read_workload(swf, units=16, largest=8, jobs_max=2).jobs) == 2


def test_a_workload_without_the_number_of_processors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.swf"
    path.write_text(SWF.split("64\n", 1)[1])

    with pytest.raises(ValueError, match="MaxProcs"):
        read_workload(path, units=16, largest=8, jobs_max=10)


def test_arrivals_are_scaled_to_the_requested_load() -> None:
    jobs = at_load([Job(50.0, 2, 10.0), Job(70.0, 1, 30.0), Job(90.0, 1, 10.0)], units=10, load=0.5)

    assert offered(jobs) / (jobs[-1].arrival - jobs[0].arrival) == pytest.approx(5.0)
    assert [job.arrival for job in jobs] == pytest.approx([0.0, 6.0, 12.0])

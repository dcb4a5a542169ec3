"""Best fit at every length: the search for the shortest run doubles its reach with each step."""

from __future__ import annotations

import random

import pytest

from gpu_capacity.inventory.snapshot import Ownership, Snapshot
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Request
from testkit.world import offering, pod
from tests.placement.lines import line


def _chosen(lengths: list[int], count: int, seed: int) -> int:
    """The length of the chosen run, where each run is a pod."""
    decision = place(line(*("." * length for length in lengths)), Request(count, seed))
    assert isinstance(decision, Placement)
    assert 0 <= decision.start <= lengths[int(decision.pod_id[1:])] - count
    return lengths[int(decision.pod_id[1:])]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 12])
def test_of_two_runs_the_shorter_one_that_fits_is_taken(count: int) -> None:
    for short in range(count, 41):
        for longer in range(short + 1, 42):
            assert _chosen([longer, short], count, seed=short) == short


@pytest.mark.parametrize("seed", range(40))
def test_of_many_runs_one_of_the_shortest_that_fit_is_taken(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - no secret
    lengths = [source.randint(1, 70) for _ in range(source.randint(1, 12))]
    count = source.randint(1, max(lengths))

    assert _chosen(lengths, count, seed) == min(length for length in lengths if length >= count)


def test_a_pod_in_another_version_leaves_the_line() -> None:
    before = Snapshot.of([shape_of(pod("a", 4), offering())], [Ownership("a", 1, owned=0)])

    assert before.seeing(Ownership("a", 2, owned=0)).line.pods == ()

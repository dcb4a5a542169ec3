"""How long a placement takes on regions of every kind; reported, nothing is asserted.

Lines are built once, as an execution environment keeps them. Loads are shares of units that are claimed at
random; half of the claims are of single units, which leaves the most and shortest runs.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.placement.choose import place
from gpu_capacity.placement.line import Line, PodBits
from gpu_capacity.placement.model import Request
from gpu_capacity.placement.snapshot import Ownership, Snapshot
from gpu_capacity.topology.model import DomainShape, PodShape

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

REGIONS = {"20x72": (20, 72), "1x16384": (1, 16_384), "1250x8": (1250, 8)}
LOADS = [0.0, 0.5, 0.9, 0.99]


def _claimed(units: int, load: float, source: random.Random) -> int:
    mask = 0
    for unit in range(units):
        if source.random() < load:
            mask |= 1 << unit
    return mask


def _region(pods: int, units: int, load: float) -> Line:
    source = random.Random(f"{pods}:{units}:{load}")  # noqa: S311 - the same region in every run
    every = (1 << units) - 1
    return Line.of(
        PodBits(f"pod{n:04}", units, every, every, 0, _claimed(units, load, source)) for n in range(pods)
    )


@pytest.mark.parametrize("attempt", [0, 1, 2], ids=["first", "second", "third"])
@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("region", REGIONS)
def test_a_decision(benchmark: BenchmarkFixture, region: str, load: float, attempt: int) -> None:
    """One to eight units, in turn, each with a seed of its own."""
    line = _region(*REGIONS[region], load)
    seeds = iter(range(1 << 62))
    benchmark.group = f"decide over {region}"

    def decide() -> object:
        seed = next(seeds)
        return place(line, Request(seed % 8 + 1, seed * 0x9E3779B97F4A7C15, attempt))

    benchmark(decide)


@pytest.mark.parametrize("region", REGIONS)
def test_a_refusal(benchmark: BenchmarkFixture, region: str) -> None:
    """With its explanation, which looks at every pod."""
    pods, units = REGIONS[region]
    line = _region(pods, units, 0.5)
    benchmark.group = "refuse"

    benchmark(place, line, Request(units + 1, seed=1))


@pytest.mark.parametrize("region", ["20x72", "1250x8"])
def test_a_snapshot_after_one_claim(benchmark: BenchmarkFixture, region: str) -> None:
    """What keeping the snapshot in step costs after every write."""
    pods, units = REGIONS[region]
    shapes = [
        PodShape(
            "region",
            f"pod{n:04}",
            "flavor",
            1,
            tuple(DomainShape(p, 18, (1 << 18) - 1, complete=True, cordoned=False) for p in range(units)),
        )
        for n in range(pods)
    ]
    snapshot = Snapshot.of(shapes, [Ownership(shape.pod_id, 1, 0) for shape in shapes])
    benchmark.group = "see one claim"

    benchmark(snapshot.seeing, Ownership("pod0000", 1, 0b111))

"""Seeded traces of jobs that arrive at random and hold contiguous units for some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.chance import lognormal_of_mean, stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOLDING_MEAN: Final = 1.0
"""Mean holding time: the unit of time of every synthetic trace."""

HOLDING_SIGMA: Final = 1.0
"""Spread of the logarithm: one job in forty holds for more than seven times the median."""


@dataclass(frozen=True, slots=True)
class Job:
    """``size`` units from ``arrival`` on, for ``holding``; times in any one unit."""

    arrival: float
    size: int
    holding: float

    @property
    def work(self) -> float:
        """Units times time."""
        return self.size * self.holding


MIXES: Final[Mapping[str, Mapping[int, float]]] = {
    name: dict.fromkeys(sizes, 1.0)
    for name, sizes in {
        "powers of two": (1, 2, 4, 8, 16),
        "mixed": (1, 2, 3, 4, 6, 8, 12),
        "odd": (1, 3, 5, 7, 9),
    }.items()
}
"""Sizes in units of a pod of 18, all of a mix equally likely."""


def mean_size(mix: Mapping[int, float]) -> float:
    """Mean units per job."""
    return sum(size * weight for size, weight in mix.items()) / sum(mix.values())


def poisson_trace(mix: Mapping[int, float], *, units: int, load: float, jobs: int, seed: int) -> list[Job]:
    """Poisson arrivals that offer ``load`` times the capacity of ``units``; lognormal holding times."""
    chance = stream("trace", sorted(mix.items()), units, load, seed)
    rate = load * units / (mean_size(mix) * HOLDING_MEAN)
    mu, sigma = lognormal_of_mean(HOLDING_MEAN, HOLDING_SIGMA)
    sizes, weights = list(mix), list(mix.values())
    now = 0.0
    trace = []
    for _ in range(jobs):
        now += chance.expovariate(rate)
        trace.append(Job(now, chance.choices(sizes, weights)[0], chance.lognormvariate(mu, sigma)))
    return trace


def offered(trace: Sequence[Job]) -> float:
    """Return the total requested work."""
    return sum(job.work for job in trace)

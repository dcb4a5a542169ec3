"""Replays a trace with a policy: the accepted work, and samples of the free capacity."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gpu_capacity.placement.choose import mix
from gpu_capacity.placement.line import longest_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.quality.policies import Layout, Policy
    from benchmarks.quality.traces import Job


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A sample of the free capacity: units and the longest run."""

    time: float
    free: int
    longest: int


@dataclass(slots=True)
class Outcome:
    """The result of a policy for a trace; work in units times time."""

    offered: float = 0.0
    accepted: float = 0.0
    jobs: int = 0
    jobs_accepted: int = 0
    glimpses: list[Glimpse] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Accepted work over offered work."""
        return self.accepted / self.offered


def replay(
    layout: Layout, policy: Policy, trace: Sequence[Job], *, after: float = 0.0, glimpse_every: float = 0.0
) -> Outcome:
    """Place every job at its arrival or reject it; nothing moves later.

    Jobs that arrive before ``after`` run but are not counted. With ``glimpse_every`` the free capacity is
    sampled in such intervals.
    """
    free, begins = layout.line.free, 0
    outcome = Outcome()
    ends: list[tuple[float, int, int]] = []
    next_glimpse = glimpse_every
    for number, job in enumerate(trace):
        while glimpse_every and next_glimpse <= job.arrival:
            free, begins = _release(free, begins, ends, next_glimpse)
            outcome.glimpses.append(Glimpse(next_glimpse, free.bit_count(), longest_run(free)))
            next_glimpse += glimpse_every
        free, begins = _release(free, begins, ends, job.arrival)
        taken = policy(free, begins, job.size, mix(number, 0))
        assert taken & ~free == 0, "a policy took what is not free"
        if taken:
            free ^= taken
            begins |= taken & -taken
            heapq.heappush(ends, (job.arrival + job.holding, number, taken))
        if job.arrival >= after:
            outcome.jobs += 1
            outcome.offered += job.work
            outcome.jobs_accepted += bool(taken)
            outcome.accepted += job.work if taken else 0.0
    return outcome


def _release(free: int, begins: int, ends: list[tuple[float, int, int]], now: float) -> tuple[int, int]:
    while ends and ends[0][0] <= now:
        taken = heapq.heappop(ends)[2]
        free |= taken
        begins ^= taken & -taken
    return free, begins

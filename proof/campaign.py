"""Many runs over several processes, summed up until the time is over."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

from proof import crashes, interleavings, sensitivity
from proof.bugs import BUGS
from proof.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SEEDS_A_TASK: Final = 40
SCHEDULES_A_TASK: Final = 420
PROBLEMS_KEPT_MAX: Final = 20

Task = tuple[Any, ...]


@dataclass
class Sum:
    """Sum of several runs. ``problems`` are the first few violations, each with its replay command."""

    runs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            self.runs + other.runs,
            self.counts + other.counts,
            self.faults + other.faults,
            [*self.problems, *other.problems][:PROBLEMS_KEPT_MAX],
        )


def run_seeds(first: int, count: int) -> Sum:
    """Some seeds."""
    total = Sum()
    for seed in range(first, first + count):
        outcome = simulate(seed)
        problems = [f"make prove SEED={seed}: {problem}" for problem in outcome.violations]
        total += Sum(1, outcome.counts, outcome.faults, problems)
    return total


def run_schedules(block: interleavings.Block, first: int, count: int) -> Sum:
    """Some schedules of a block."""
    total = Sum()
    for schedule in islice(block.schedules(), first, first + count):
        command = f"make prove REPLAY='{block.spell(schedule)}'"
        problems = [f"{command}: {problem}" for problem in block.play(schedule)]
        total += Sum(1, Counter({block.title: 1}), problems=problems)
    return total


def run_crashes(story: str, pairs: bool, part: int, parts: int) -> Sum:  # noqa: FBT001 - for a process
    """Every n-th crash of a story, or every n-th pair."""
    wanted = crashes.double_crashes if pairs else crashes.single_crashes
    return _sum_of(story, wanted(story, part, parts))


def run_sampled_crashes(story: str) -> Sum:
    """A crash at each side effect of a story."""
    return _sum_of(story, crashes.sampled_crashes(story))


def _sum_of(story: str, found: Iterable[crashes.Crash]) -> Sum:
    total = Sum()
    for strikes, ending in found:
        command = f"make prove REPLAY='{crashes.spell(story, strikes)}'"
        problems = [f"{command}: {problem}" for problem in ending.problems]
        total += Sum(1, Counter({story: 1}), problems=problems)
    return total


def find_bug(place: int, seeds: Sequence[int]) -> sensitivity.Detection:
    """Count the seeds until a planted bug is found."""
    return sensitivity.detect(BUGS[place], seeds)


def seed_tasks(first: int, count: int) -> Iterator[Task]:
    """Tasks for ``run_seeds``."""
    for start in range(first, first + count, SEEDS_A_TASK):
        yield start, min(SEEDS_A_TASK, first + count - start)


def schedule_tasks(block: interleavings.Block, size: int = SCHEDULES_A_TASK) -> Iterator[Task]:
    """Tasks for ``run_schedules``, of so many schedules each."""
    for start in range(0, block.size, size):
        yield block, start, size


def seldom_collect() -> None:
    """Collect garbage less often: loaded modules stay, and runs leave little garbage."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Workers:
    """Processes that run tasks.

    Args:
        jobs: how many; with one everything is done in this process.
        deadline: no task starts after it, by ``time.monotonic``.
    """

    def __init__(self, jobs: int, deadline: float) -> None:
        self.deadline = deadline
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(jobs, seldom_collect) if jobs > 1 else None
        self._jobs = jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.deadline

    def do(self, run: Callable[..., Any], tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Yield each task with its result, in order, until the time is over."""
        if self._pool is None:
            for task in tasks:
                if self.is_over:
                    return
                yield task, run(*task)
            return
        under_way: list[tuple[Task, Any]] = []
        for task in tasks:
            if self.is_over:
                break
            under_way.append((task, self._pool.apply_async(run, task)))
            if len(under_way) > 2 * self._jobs:
                done, result = under_way.pop(0)
                yield done, result.get()
        for done, result in under_way:
            yield done, result.get()

    def add_up(self, run: Callable[..., Sum], tasks: Sequence[Task]) -> tuple[Sum, int]:
        """The sum of the tasks, and how many were done before the time was over."""
        total, done = Sum(), 0
        for _, result in self.do(run, tasks):
            total += result
            done += 1
        return total, done

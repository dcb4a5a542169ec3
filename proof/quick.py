"""The quick form, a sample of the full one: some seeds, crashes and interleavings, and every planted bug.

It runs one interleaving of each equivalence class, see ``reduction``; the full form runs all.
"""

from __future__ import annotations

import time
from collections import Counter
from math import inf
from typing import Final

from proof import interleavings
from proof.bugs import BUGS
from proof.campaign import Sum, Workers, find_bug, run_sampled_crashes, run_seeds, seed_tasks
from proof.crashes import STORIES
from proof.reduction import classes
from tools.reporting.results import load

SEEDS: Final = 300
SEEDS_A_BUG_MAX: Final = 1_000
BLOCKS: Final = (*interleavings.PAIRS, *interleavings.ALL_TRIPLES[::6])
"""All blocks of two operations, and as many of three as keep this form quick."""


def seeds_for(bug: str) -> tuple[int, ...]:
    """Where to look for a planted bug: first where the full form found it last, then everywhere."""
    section = load("bugs")
    found_at = section.raw.get("found_at", {}) if section is not None else {}
    first = (int(found_at[bug]),) if bug in found_at else ()
    return (*first, *range(SEEDS_A_BUG_MAX))


def run_classes(block: interleavings.Block) -> Sum:
    """Run one schedule of each class of a block; every schedule of a class with a violation is a problem."""
    total = Sum()
    for found in classes(block):
        problems = [
            f"make prove REPLAY='{block.spell(schedule)}': {problem}"
            for schedule in found.schedules
            for problem in found.problems
        ]
        total += Sum(len(found.schedules), Counter(played=1), problems=problems)
    return total


def run(jobs: int) -> int:
    """Run everything and print the result; 1 if there is a violation."""
    begun = time.monotonic()
    problems: list[str] = []
    with Workers(jobs, inf) as workers:
        total, _ = workers.add_up(run_seeds, list(seed_tasks(0, SEEDS)))
        problems += total.problems
        print(f"{total.runs} seeds, {total.counts['client operations']} client operations")
        total, _ = workers.add_up(run_classes, [(block,) for block in BLOCKS])
        problems += total.problems
        print(f"{total.runs} interleavings, of which {total.counts['played']} differ and were played")
        total, _ = workers.add_up(run_sampled_crashes, [(story,) for story in STORIES])
        problems += total.problems
        print(f"{total.runs} crash points")
        tasks = [(place, seeds_for(bug.name)) for place, bug in enumerate(BUGS)]
        for _, found in workers.do(find_bug, tasks):
            if found.seeds is None:
                problems.append(f"the planted bug {found.bug} was not found in {SEEDS_A_BUG_MAX} seeds")
        print(f"{len(BUGS)} planted bugs")
    for problem in problems:
        print(f"VIOLATION {problem}")
    print(f"{len(problems)} violations, {time.monotonic() - begun:.0f} s")
    return 1 if problems else 0

"""Plants each bug and counts the seeds until a check finds it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from proof.crashes import play, single_crashes
from proof.interleavings import ALL_TRIPLES, PAIRS
from proof.planting import Bug, planted
from proof.simulation import simulate
from proof.worlds import make_all_worlds

if TYPE_CHECKING:
    from collections.abc import Iterable


SEEDS_MAX: Final = 2_000
SIGN_CHARACTERS_MAX: Final = 120
_KEYS: Final = re.compile(
    r"\{[^{}]*\}|\('ORG#[^)]*\)|'?\b[0-9a-f]{16}\b'?|[0-9a-f]{8}-[0-9a-f-]{27}(-\d+)*|\[[^\]]*\]"
)


@dataclass(frozen=True, slots=True)
class Detection:
    """A bug by name, the number of seeds until it was found (``None``: never), the seed, and the violation.

    For a search in a block of interleavings or in a story, ``place`` names it, and ``seeds`` counts schedules
    or crashes.
    """

    bug: str
    seeds: int | None
    seed: int | None
    sign: str
    place: str = ""


def detect(bug: Bug, seeds: Iterable[int]) -> Detection:
    """Run seeds, or the orders of the bug's block, or its story, until one of them shows a violation."""
    if bug.orders:
        return _detect_in_orders(bug)
    make_all_worlds()
    if bug.story:
        return _detect_in_story(bug)
    with planted(bug):
        for number, seed in enumerate(seeds, 1):
            if problems := simulate(seed).violations:
                return Detection(bug.name, number, seed, _in_short(problems[0]))
    return Detection(bug.name, None, None, "")


def _detect_in_orders(bug: Bug) -> Detection:
    block = next(block for block in (*PAIRS, *ALL_TRIPLES) if block.title == bug.orders)
    place = f"orders of {bug.orders}"
    schedules = list(block.schedules())
    # Blocks cache stages between runs: they are prepared by the product without the bug.
    block.play(schedules[0])
    with planted(bug):
        for number, schedule in enumerate(schedules, 1):
            if problems := block.play(schedule):
                return Detection(bug.name, number, None, _in_short(problems[0]), place)
    return Detection(bug.name, None, None, "", place)


def _detect_in_story(bug: Bug) -> Detection:
    place = f"runs of {bug.story}"
    with planted(bug):
        endings = chain((play(bug.story, {}),), (ending for _, ending in single_crashes(bug.story)))
        for number, ending in enumerate(endings, 1):
            if ending.problems:
                return Detection(bug.name, number, None, _in_short(ending.problems[0]), place)
    return Detection(bug.name, None, None, "", place)


def _in_short(problem: str) -> str:
    """The violation without the names of its run; of a stack trace the last line."""
    line = problem.strip().splitlines()[-1]
    line = _KEYS.sub("…", line)
    return line if len(line) <= SIGN_CHARACTERS_MAX else line[:SIGN_CHARACTERS_MAX] + "…"

"""Replays a violation: a seed, a schedule of operations, or a story with its faults."""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from proof.crashes import STORIES, play
from proof.interleavings import ALL_TRIPLES, LONG_TRIPLES, PAIRS, TRIPLES, Block
from proof.story import Mode

_BLOCKS: Final = {
    (block.title, len(block.names) * block.turns): block
    for block in chain(PAIRS, TRIPLES, ALL_TRIPLES, LONG_TRIPLES)
}


class UnknownReplayError(ValueError):
    """The text names no schedule and no story; the message says what is expected."""


def replay(text: str) -> list[str]:
    """Run a schedule or a story with faults, and return its violations.

    ``claim x fill 0101100110`` is a schedule, ``waiting claim, 3 done twice`` a crash, and ``early delete,
    3 killed, and lands late, 4 killed before`` a pair of them.

    Raises:
        UnknownReplayError: it is neither.
    """
    # The name of a mode may contain a comma, but no number after it.
    story, *strikes = re.split(r", (?=\d)", text)
    if story in STORIES:
        return list(play(story, dict(map(_strike, strikes))).problems)
    block, schedule = _schedule(text)
    return block.play(schedule)


def _strike(text: str) -> tuple[int, Mode]:
    place, _, mode = text.partition(" ")
    if not place.isdigit() or mode not in list(Mode):
        raise UnknownReplayError(f"{text!r} is not a number and one of {', '.join(Mode)}")
    return int(place), Mode(mode)


def _schedule(text: str) -> tuple[Block, tuple[int, ...]]:
    title, _, digits = text.rpartition(" ")
    block = _BLOCKS.get((title, len(digits)))
    turns = "".join(str(number) * block.turns for number in range(len(block.names))) if block else ""
    if block is None or sorted(digits) != sorted(turns):
        raise UnknownReplayError(
            f"{text!r} is neither a story with faults nor operations with the order of their turns; "
            f"stories are {', '.join(STORIES)}"
        )
    return block, tuple(map(int, digits))

"""Which interruptible VMs have to leave a host so that a slice becomes free.

For every aligned slice of the size that is wanted, the VMs that stand in it are known: if one of them may not
be interrupted, the slice is out of the question. Of the others the slice with the fewest VMs is chosen; among
equals the one whose VMs are the newest (compared newest first, so that whoever came last leaves first); then
the one that keeps the largest aligned slice free once they have left, and then the lowest.

An interrupted VM gives up all of its GPUs, also those that the newcomer does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.placement.slices import GPUS_PER_NODE_MAX, census, slice_mask

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Candidate:
    """A VM that may be interrupted. ``gpus`` is what it holds, as a mask; ``id`` tells equals apart."""

    id: str
    created_at: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Preemption:
    """The slice that becomes free, and the candidates that leave for it, newest first."""

    gpus: int
    victims: tuple[Candidate, ...]


def choose_victims(free: int, size: int, candidates: Sequence[Candidate]) -> Preemption | None:
    """Choose a slice that candidates can be made to leave; ``None`` where there is none.

    Args:
        free: GPUs that nobody holds, as a mask.
        size: how many are wanted.
        candidates: who may be interrupted, in any order. No GPU stands twice, in these and in ``free``.
    """
    options = [
        Preemption(mask, victims)
        for start in range(0, GPUS_PER_NODE_MAX, size)
        if _covers(mask := slice_mask(start, size), free, victims := _standing_in(mask, candidates))
    ]
    if not options:
        return None
    fewest = min(len(option.victims) for option in options)
    newest = max(_ages(option) for option in options if len(option.victims) == fewest)
    equals = [o for o in options if len(o.victims) == fewest and _ages(o) == newest]
    # Equal ages mean the same VMs, so what is free after they have left is the same for all of them.
    left = free
    for victim in equals[0].victims:
        left |= victim.gpus
    return max(equals, key=lambda option: (census(left & ~option.gpus), -option.gpus))


def _standing_in(mask: int, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    inside = (candidate for candidate in candidates if candidate.gpus & mask)
    return tuple(sorted(inside, key=lambda c: (c.created_at, c.id), reverse=True))


def _covers(mask: int, free: int, victims: Sequence[Candidate]) -> bool:
    """Whether the slice is free once these have left."""
    for victim in victims:
        free |= victim.gpus
    return mask & ~free == 0


def _ages(option: Preemption) -> list[tuple[int, str]]:
    return [(victim.created_at, victim.id) for victim in option.victims]

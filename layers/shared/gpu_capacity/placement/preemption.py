"""Chooses the interruptible VMs that have to leave a node so that a slice becomes free.

Every aligned slice of the requested size is considered, except those with a VM that may not be interrupted.
The slice with the fewest VMs is chosen. Among equals the one with the newest VMs is chosen, compared newest
first, so that the VM that was created last leaves first; then the one that leaves the largest aligned slice
free after its VMs have left; then the lowest one.

An interrupted VM gives up all of its GPUs, including those that the new VM does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.placement.slices import GPUS_PER_NODE_MAX, census, slice_mask

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Candidate:
    """A VM that may be interrupted. ``gpus`` is the mask of its GPUs; ``id`` orders VMs of the same age."""

    id: str
    created_at: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Preemption:
    """The slice that becomes free, as a mask, and the VMs that have to leave for it, newest first."""

    gpus: int
    victims: tuple[Candidate, ...]


def choose_victims(free: int, size: int, candidates: Sequence[Candidate]) -> Preemption | None:
    """Choose a slice that becomes free if candidates leave; ``None`` if there is none.

    Args:
        free: mask of the GPUs without an owner.
        size: the number of GPUs of the slice.
        candidates: the VMs that may be interrupted, in any order. Their masks and ``free`` are disjoint.
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
    # Options of equal ages have the same victims, so the same GPUs are free after these have left.
    left = free
    for victim in equals[0].victims:
        left |= victim.gpus
    return max(equals, key=lambda option: (census(left & ~option.gpus), -option.gpus))


def _standing_in(mask: int, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    inside = (candidate for candidate in candidates if candidate.gpus & mask)
    return tuple(sorted(inside, key=lambda c: (c.created_at, c.id), reverse=True))


def _covers(mask: int, free: int, victims: Sequence[Candidate]) -> bool:
    """Whether the slice is free after the victims have left."""
    for victim in victims:
        free |= victim.gpus
    return mask & ~free == 0


def _ages(option: Preemption) -> list[tuple[int, str]]:
    return [(victim.created_at, victim.id) for victim in option.victims]

"""The sequential model of a pod: steps take, release and read domains, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from testkit.items import GPUS_PER_HOST, WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

K = TypeVar("K")

Masks: TypeAlias = "tuple[tuple[int, int], ...]"
"""(position, mask of GPUs), by position."""


@dataclass(frozen=True, slots=True)
class PodState:
    """Who owns what, and what could be owned.

    Attributes:
        owned: (position, mask) of owned GPUs, by position; absent if none are owned.
        holders: (holder, position, mask), in order.
        usable: (position, mask) of GPUs that may be given away.
        complete: positions that may be sold whole.
    """

    owned: Masks
    holders: tuple[tuple[str, int, int], ...]
    usable: Masks
    complete: frozenset[int]

    def runs(self, count: int) -> bool:
        """Whether so many complete domains in a row are free."""
        owned = {position for position, _ in self.owned}
        free = self.complete - owned
        return any(all(start + n in free for n in range(count)) for start in free)


EMPTY = PodState((), (), (), frozenset())


@dataclass(frozen=True, slots=True)
class Part:
    """What one holder takes and releases."""

    holder: str
    takes: Masks
    gives: Masks


@dataclass(frozen=True, slots=True)
class Change:
    """Holders release what they own and take what is free, all in one step.

    GPUs that are taken have to be usable, unless another holder transfers them in the same step.
    """

    parts: tuple[Part, ...]
    reads: bool = False

    def apply(self, state: PodState) -> PodState | None:
        """See ``Step``."""
        owned, usable = dict(state.owned), dict(state.usable)
        holders = {(holder, position): mask for holder, position, mask in state.holders}
        for part in self.parts:
            for position, mask in part.gives:
                if holders.get((part.holder, position), 0) & mask != mask:
                    return None
                _set(holders, (part.holder, position), holders[part.holder, position] & ~mask)
                _set(owned, position, owned[position] & ~mask)
                if mask != WHOLE:
                    usable[position] = usable.get(position, 0) | mask
        for part in self.parts:
            for position, mask in part.takes:
                if owned.get(position, 0) & mask:
                    return None
                if mask == WHOLE and position not in state.complete:
                    return None
                if mask != WHOLE and mask & ~usable.get(position, 0):
                    return None
                _set(holders, (part.holder, position), holders.get((part.holder, position), 0) | mask)
                _set(owned, position, owned.get(position, 0) | mask)
        return replace(
            state,
            owned=tuple(sorted(owned.items())),
            holders=tuple(sorted((holder, position, mask) for (holder, position), mask in holders.items())),
        )


@dataclass(frozen=True, slots=True)
class Hardware:
    """The inventory has other hardware from now on."""

    usable: Masks
    complete: frozenset[int]
    reads: bool = False

    def apply(self, state: PodState) -> PodState | None:
        """See ``Step``."""
        return replace(state, usable=self.usable, complete=self.complete)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A client got the answer that no row of so many domains is free."""

    count: int
    reads: bool = True

    def apply(self, state: PodState) -> PodState | None:
        """See ``Step``."""
        return None if state.runs(self.count) else state


@dataclass(frozen=True, slots=True)
class NoSlice:
    """A client got the answer that no aligned slice of so many GPUs is free at a position."""

    position: int
    count: int
    reads: bool = True

    def apply(self, state: PodState) -> PodState | None:
        """See ``Step``."""
        free = dict(state.usable).get(self.position, 0) & ~dict(state.owned).get(self.position, 0)
        slices = (((1 << self.count) - 1) << start for start in range(0, GPUS_PER_HOST, self.count))
        return None if any(free & whole == whole for whole in slices) else state


@dataclass(frozen=True, slots=True)
class Offer:
    """A client got the answer that these domains were available."""

    positions: tuple[int, ...]
    reads: bool = True

    def apply(self, state: PodState) -> PodState | None:
        """See ``Step``."""
        owned = {position for position, _ in state.owned}
        free = all(position in state.complete and position not in owned for position in self.positions)
        return state if free else None


def masks(by_position: Mapping[int, int]) -> Masks:
    """In order."""
    return tuple(sorted(by_position.items()))


def _set(masks_by: dict[K, int], key: K, mask: int) -> None:
    if mask:
        masks_by[key] = mask
    else:
        masks_by.pop(key, None)

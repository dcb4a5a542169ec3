"""Finds the neighbours that a setting names. ``docs/neighbours.md`` explains how to add others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import Misconfigured
from gpu_capacity.neighbours.listed import ListedNeighbours

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.neighbours.port import Neighbours, NeighbourWish

DEFAULT: Final = "any"


class AnyNeighbours:
    """Nobody to ask: takes whatever is named, as only its owner could say more."""

    def check(self, wish: NeighbourWish) -> None:
        """See ``Neighbours.check``: never raises."""


def _sample() -> Neighbours:
    from gpu_capacity.neighbours.sample import ENTRIES  # noqa: PLC0415 - deployed services read no sample

    return ListedNeighbours(ENTRIES)


_MAKERS: Final[dict[str, Callable[[], Neighbours]]] = {
    DEFAULT: AnyNeighbours,
    "sample": _sample,
}


def neighbours_named(name: str) -> Neighbours:
    """The neighbours of this name.

    Raises:
        Misconfigured: there are none.
    """
    if name not in _MAKERS:
        raise Misconfigured(f"NEIGHBOURS must be one of: {', '.join(_MAKERS)}")
    return _MAKERS[name]()

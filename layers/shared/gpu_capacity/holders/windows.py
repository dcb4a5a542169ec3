"""The part of a list that a request asks for, and merging the lists of several organizations."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Position: TypeAlias = tuple[str, str]
"""The position of an entry in a list: its id, then its organization, because customers may choose equal
ids."""


CHUNK_MIN: Final = 25


class Listed(Protocol):
    """An entry of a list."""

    @property
    def id(self) -> str:
        """The id, which orders lists."""

    @property
    def organization_id(self) -> str:
        """The organization, which orders entries with equal ids."""


Entry = TypeVar("Entry", bound=Listed)


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``limit`` entries (``None``: all) after a position (``None``: from the beginning)."""

    after: Position | None = None
    limit: int | None = None

    @property
    def first_id(self) -> str:
        """The smallest id that an entry of the window can have."""
        return self.after[0] if self.after else ""

    @property
    def chunk(self) -> int | None:
        """How many records to fetch in one request. At least a few, because filters may reject many."""
        return None if self.limit is None else max(self.limit, CHUNK_MIN)


EVERYTHING: Final = Window()


def position_of(entry: Listed) -> Position:
    """The position of an entry."""
    return entry.id, entry.organization_id


def entries_in(
    window: Window,
    organizations: Sequence[str],
    read: Callable[[str, Window], Iterable[Entry]],
    wanted: Callable[[Entry], bool],
) -> list[Entry]:
    """The entries of several organizations that are within the window, in the order of their positions.

    Args:
        window: which part of the list.
        organizations: ids of the organizations.
        read: yields an organization's entries from ``first_id`` on in id order. Only as many are taken from
            it as the window needs.
        wanted: whether an entry belongs in the list.
    """
    streams: list[Iterable[Entry]] = [read(organization, window) for organization in organizations]
    merged: Iterator[Entry] = iter(heapq.merge(*streams, key=position_of))
    found = (
        entry
        for entry in merged
        if (window.after is None or position_of(entry) > window.after) and wanted(entry)
    )
    return list(islice(found, window.limit))

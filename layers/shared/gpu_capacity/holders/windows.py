"""The part of a list that a request wants, and how the lists of several organizations become one."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Position: TypeAlias = tuple[str, str]
"""Where something stands in a list: its id, then its organization, as customers may choose equal ids."""


CHUNK_MIN: Final = 25


class Listed(Protocol):
    """What lists are made of."""

    @property
    def id(self) -> str:
        """The order of lists."""

    @property
    def organization_id(self) -> str:
        """Decides between equal ids."""


Entry = TypeVar("Entry", bound=Listed)


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``limit`` entries (all: ``None``) that come after a position (from the first: ``None``)."""

    after: Position | None = None
    limit: int | None = None

    @property
    def first_id(self) -> str:
        """No entry of the window has a smaller id."""
        return self.after[0] if self.after else ""

    @property
    def chunk(self) -> int | None:
        """How many records to fetch at once: filters may leave few of them."""
        return None if self.limit is None else max(self.limit, CHUNK_MIN)


EVERYTHING: Final = Window()


def position_of(entry: Listed) -> Position:
    """Where an entry stands."""
    return entry.id, entry.organization_id


def entries_in(
    window: Window,
    organizations: Sequence[str],
    read: Callable[[str, Window], Iterable[Entry]],
    wanted: Callable[[Entry], bool],
) -> list[Entry]:
    """The wanted entries of several organizations in the order of their positions, no more than asked for.

    ``read`` yields an organization's entries from ``first_id`` on in id order, and is only read on as far as
    the window needs.
    """
    streams: list[Iterable[Entry]] = [read(organization, window) for organization in organizations]
    merged: Iterator[Entry] = iter(heapq.merge(*streams, key=position_of))
    found = (
        entry
        for entry in merged
        if (window.after is None or position_of(entry) > window.after) and wanted(entry)
    )
    return list(islice(found, window.limit))

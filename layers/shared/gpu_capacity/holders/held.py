"""The index of all holders by region, over all organizations and kinds, oldest first.

An entry has the key of a record and when it was made. It is written when the record appears and when it goes,
and never in between, except for a capacity claim that gets other zones. The index is eventually consistent;
the records are read beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from gpu_capacity.dynamodb.database import Database

LATEST: Final = 10**12
"""Later than any time of a record, in seconds since the epoch."""

_ENTRIES_A_REQUEST: Final = 200


@dataclass(frozen=True, slots=True, order=True)
class HeldEntry:
    """An entry of the index. ``created_at`` is in seconds since the epoch, ``sort_key`` names kind and id."""

    created_at: int
    organization_id: str
    sort_key: str


class HeldIndex:
    """Reads the index.

    Args:
        database: the database to use.
        table: the name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def entries(
        self,
        regions: Iterable[str],
        times: tuple[int, int] = (0, LATEST),
        after: HeldEntry | None = None,
    ) -> Iterator[HeldEntry]:
        """Holders that may have hardware in one of these regions, by time of creation, each once.

        Args:
            regions: their ids.
            times: when they were made, first and last second.
            after: where a list before ended; None from the beginning.
        """
        first, last = times
        partitions = sorted({name for region_id in regions for name in keys.held_partitions(region_id)})
        since = first if after is None else max(first, after.created_at)
        streams = [self._of_partition(name, since, last) for name in partitions]
        # Entries of the same second are in no particular order.
        for _, same in groupby(
            merge(*streams, key=lambda entry: entry.created_at), key=lambda entry: entry.created_at
        ):
            yield from (entry for entry in sorted(same) if after is None or entry > after)

    def _of_partition(self, name: str, since: int, until: int) -> Iterator[HeldEntry]:
        found = self._database.query_index(
            self._table,
            keys.HELD_INDEX,
            ("held", [name]),
            ("created_at", since, until),
            limit=_ENTRIES_A_REQUEST,
        )
        return map(_entry, found)


def _entry(item: Mapping[str, Any]) -> HeldEntry:
    organization_id = item["pk"].removeprefix(keys.organization_partition(""))
    return HeldEntry(int(item["created_at"]), organization_id, item["sk"])

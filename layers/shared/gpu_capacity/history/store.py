"""Reads and writes the history of holders: one item for each event, which expires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.history.items import Entry, decode_entry, encode_event, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gpu_capacity.history.event import Event, Kind

_SENDS_MAX: Final = 12


class HistoryStore:
    """The events in the history table.

    Args:
        database: the database to use.
        table: the name of the table.
        kept_seconds: how long an event is kept.
    """

    def __init__(self, database: Database, table: str, kept_seconds: int) -> None:
        self._database = database
        self.table = table
        self._kept_seconds = kept_seconds

    def has(self, event: Event) -> bool:
        """Whether an event was recorded. Strongly consistent."""
        return self._database.get(self.table, key_of(event)) is not None

    def add(self, events: Sequence[Event]) -> None:
        """Record the events of one change, all or none. Harmless when repeated: equal events are equal items.

        Raises:
            StorageUnavailable: they were perhaps not recorded. Send them again.
        """
        puts = [
            Put(f"event:{number}", self.table, encode_event(event, self._kept_seconds))
            for number, event in enumerate(events)
        ]
        for attempt in range(_SENDS_MAX):
            if isinstance(self._database.commit(*puts), Committed):
                return
            self._database.pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)

    def newest_first(
        self, kind: Kind, holder: tuple[str, str], below: str | None, limit: int
    ) -> Iterator[Entry]:
        """The events of a holder, newest first.

        Args:
            kind: of the holder.
            holder: organization id and holder id.
            below: the place of the last event of the page before; None for the first page.
            limit: how many one request fetches.
        """
        partition = keys.events_partition(kind, *holder)
        found = self._database.query_backwards(
            self.table, partition, keys.EVENT_PREFIX, below=below, limit=limit
        )
        return self._database.readable(found, decode_entry)

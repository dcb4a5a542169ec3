"""Where the watch of providers stopped, and what it has seen that nobody owns: one item."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.holders.held import HeldEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gpu_capacity.dynamodb.database import Database

SIGHTINGS_MAX: Final = 500
"""Things that nobody owns whose first sighting is kept; an item may have 400 KB."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """What the watch knows from earlier runs.

    ``after`` is the holder that it looked at last; None if it has looked at all. ``unowned`` has what a
    provider has and nobody owns: when it was seen first, in seconds since the epoch, by what it is.
    """

    after: HeldEntry | None = None
    unowned: Mapping[str, int] = field(default_factory=dict, hash=False)


class WatchStore:
    """Reads and writes the item. Two runs at a time do no harm: the later one wins.

    Args:
        database: where to read and write.
        table: name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def read(self) -> Sighted:
        """What earlier runs left; nothing before the first one."""
        item = self._database.get(self._table, keys.watch())
        return Sighted() if item is None else decode_sighted(item)

    def write(self, sighted: Sighted) -> None:
        """Replace it."""
        after, unowned = sighted.after, dict(sorted(sighted.unowned.items())[:SIGHTINGS_MAX])
        item = keys.watch() | encode(
            {
                "after": [after.created_at, after.organization_id, after.sort_key] if after else None,
                "unowned": json.dumps(unowned, separators=(",", ":")),
            }
        )
        self._database.commit(Put("watch", self._table, item))


def decode_sighted(item: Mapping[str, Any]) -> Sighted:
    """The decoded item."""
    after = item.get("after")
    unowned = {str(what): int(since) for what, since in json.loads(item["unowned"]).items()}
    return Sighted(HeldEntry(int(after[0]), str(after[1]), str(after[2])) if after else None, unowned)

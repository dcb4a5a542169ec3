"""The maintenances that holders have to read of, kept for some seconds: most regions have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.items import decode_cordons
from gpu_capacity.inventory.maintenance_items import decode_maintenance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.ports import Clock

KEPT_SECONDS: Final = 5
"""How long what was read is used."""


class Announcements:
    """Reads maintenances of regions, eventually consistent. Not for decisions.

    Args:
        database: the database to read from.
        table: the name of the inventory table.
        clock: tells the age of what was read.
    """

    def __init__(self, database: Database, table: str, clock: Clock) -> None:
        self._database = database
        self._table = table
        self._clock = clock
        self._read: dict[str, tuple[int, list[Maintenance]]] = {}

    def of(self, regions: Iterable[str]) -> list[Maintenance]:
        """The maintenances of these regions that are not over, in the order of their beginnings."""
        now = self._clock.now()
        wanted = sorted(set(regions))
        stale = [r for r in wanted if now - self._read.get(r, (-KEPT_SECONDS, []))[0] >= KEPT_SECONDS]
        if stale:
            found = self._announced(stale)
            self._read |= {r: (now, [m for m in found if m.region_id == r]) for r in stale}
        every = [maintenance for region_id in wanted for maintenance in self._read[region_id][1]]
        return sorted(every, key=lambda maintenance: (maintenance.start, maintenance.id))

    def forget(self, region_id: str) -> None:
        """Read the maintenances of a region again the next time."""
        self._read.pop(region_id, None)

    def _announced(self, regions: list[str]) -> list[Maintenance]:
        """A maintenance has entries among its region's cordons until it is over."""
        items = self._get([keys.cordons(region_id) for region_id in regions])
        cordons = self._database.readable(items, decode_cordons)
        ids = sorted({maintenance_id for found in cordons for maintenance_id in found.maintenance_ids})
        if not ids:
            return []
        items = self._get([keys.maintenance(maintenance_id) for maintenance_id in ids])
        found = self._database.readable(items, decode_maintenance)
        return [maintenance for maintenance in found if not maintenance.is_over]

    def _get(self, wanted: list[keys.Key]) -> list[dict[str, object]]:
        return self._database.get_many(self._table, wanted, consistent=False)

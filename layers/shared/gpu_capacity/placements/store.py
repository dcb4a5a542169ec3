"""Stores placements in the holders table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.holders import quota_store as quotas
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.holders.store import HolderStore, Kind
from gpu_capacity.placements.items import decode_placement, encode_placement
from gpu_capacity.placements.record import Placement, allows

if TYPE_CHECKING:
    from collections.abc import Collection

    from gpu_capacity.dynamodb.database import Database

PLACEMENTS: Final = Kind(keys.PLACEMENT_PREFIX, encode_placement, decode_placement, allows)


class PlacementStore(HolderStore[Placement]):
    """Placements in the holders table.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, PLACEMENTS)

    def count_in(self, placement: Placement, _subjects: Collection[str] = ()) -> bool:
        """Count a placement that was made before its organization had a quota, even beyond the limit.

        Returns:
            Whether it was written; false if the placement changed.
        """
        place = (placement.organization_id, PLACEMENT_SERVERS)
        counted = quotas.count_in(self.table, *place, placement.count)
        written = self.change(placement, replace(placement, counted=True), counted)
        return not isinstance(written, Refused)

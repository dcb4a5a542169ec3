"""Stores placements in the holders table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.holders.store import HolderStore, Kind
from gpu_capacity.placements.items import decode_placement, encode_placement
from gpu_capacity.placements.record import TRANSITIONS, Placement

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.database import Database

PLACEMENTS: Final = Kind(Placement, keys.PLACEMENT_PREFIX, encode_placement, decode_placement, TRANSITIONS)


class PlacementStore(HolderStore[Placement]):
    """Placements in the holders table.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, PLACEMENTS)

"""Stores reservations in the holders table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.holders.store import HolderStore, Kind
from gpu_capacity.reservations.items import decode_reservation, encode_reservation
from gpu_capacity.reservations.record import TRANSITIONS, Reservation, Status

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.database import Database

CLAIMING_SHARD_MAX: Final = 64
"""Records that ``claiming`` reads of each shard of the sparse index, the newest first."""

RESERVATIONS: Final = Kind(
    Reservation, keys.RESERVATION_PREFIX, encode_reservation, decode_reservation, TRANSITIONS
)


class ReservationStore(HolderStore[Reservation]):
    """Reservations in the holders table.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, RESERVATIONS)

    def claiming(self, since: int, until: int) -> tuple[list[Reservation], int]:
        """Records that are claiming, or name a run to release, unsettled since a time in this range.

        Reads the sparse index, which is eventually consistent. ``until`` has to be somewhat later than now,
        as the clock of another function may be ahead. What is due later would crowd out these records.

        Returns:
            The records, and the time (epoch seconds) from which on none is missing.
        """
        found, whole_since = self.newest_unsettled(since, until, CLAIMING_SHARD_MAX)
        claiming = [r for r in self.many(found) if r.status is Status.CLAIMING or r.named is not None]
        return claiming, whole_since

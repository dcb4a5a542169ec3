"""Stores reservations in the holders table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.holders import quota_store as quotas
from gpu_capacity.holders.store import HolderStore, Kind
from gpu_capacity.reservations.items import decode_reservation, encode_reservation
from gpu_capacity.reservations.record import Reservation, Status, allows

if TYPE_CHECKING:
    from collections.abc import Collection

    from gpu_capacity.dynamodb.database import Database

CLAIMING_SHARD_MAX: Final = 64
"""Records that ``claiming`` reads of each shard of the sparse index, the newest first."""

RESERVATIONS: Final = Kind(keys.RESERVATION_PREFIX, encode_reservation, decode_reservation, allows)


class ReservationStore(HolderStore[Reservation]):
    """Reservations in the holders table.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, RESERVATIONS)

    def count_in(self, reservation: Reservation, _subjects: Collection[str] = ()) -> bool:
        """Count a reservation that was made before its organization had a quota, even beyond the limit.

        Returns:
            Whether it was written; false if the reservation changed.
        """
        place = (reservation.organization_id, reservation.accelerator)
        counted = quotas.count_in(self.table, *place, reservation.units_used)
        written = self.change(reservation, replace(reservation, counted=True), counted)
        return not isinstance(written, Refused)

    def claiming(self, since: int) -> tuple[list[Reservation], int]:
        """Records that are claiming, or name a run to release, unsettled since ``since`` or later.

        Reads the sparse index, which is eventually consistent. Records with a time in the future are
        included, as the clock of another function may be ahead.

        Returns:
            The records, and the time (epoch seconds) from which on none is missing.
        """
        found, whole_since = self.newest_unsettled(since, CLAIMING_SHARD_MAX)
        claiming = [r for r in self.many(found) if r.status is Status.CLAIMING or r.named is not None]
        return claiming, whole_since

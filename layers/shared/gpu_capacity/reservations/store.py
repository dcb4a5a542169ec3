"""Reservations in the holders table."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
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

CLAIMING_LOOKED_AT_MAX: Final = 500
"""Records that are looked at to learn who is claiming; the newest of them are the ones that may be."""

_ANY_LATER: Final = 1 << 40
"""Seconds since the epoch, for an end that is none."""

RESERVATIONS: Final = Kind(keys.RESERVATION_PREFIX, encode_reservation, decode_reservation, allows)


class ReservationStore(HolderStore[Reservation]):
    """The holders table, as far as reservations go."""

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, RESERVATIONS)

    def count_in(self, reservation: Reservation, _subjects: Collection[str] = ()) -> bool:
        """Count a reservation that was made before its organization was counted; false when it changed."""
        place = (reservation.organization_id, reservation.accelerator)
        counted = quotas.count_in(self.table, *place, reservation.count)
        written = self.change(reservation, replace(reservation, counted=True), counted)
        return not isinstance(written, Refused)

    def claiming(self, since: int) -> list[Reservation]:
        """Records that are claiming, or name a run to give back, since then or later; by the sparse index.

        However late the clock of whoever claims makes it: of two clocks one is always ahead.
        """
        found = islice(self.unsettled(_ANY_LATER, since), CLAIMING_LOOKED_AT_MAX)
        return [r for r in self.many(found) if r.status is Status.CLAIMING or r.named is not None]

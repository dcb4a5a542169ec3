"""Reservations in the holders table: what the use cases call, in their words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.dynamodb.quotas import QUOTA, decode_quota
from gpu_capacity.dynamodb.reservation_items import decode_reservation
from gpu_capacity.dynamodb.reservation_writes import POD, RECORD, ReservationWrites
from gpu_capacity.dynamodb.tombstones import Tombstone, decode_tombstone, is_tombstone
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.reservation import Reservation
from gpu_capacity.holders.windows import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gpu_capacity.dynamodb.database import Database, Outcome
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.windows import Window
    from gpu_capacity.ports import Pause

_CONFLICTS_MAX = 12
"""Sending again after ``TransactionConflict``: a rival holds an item for some 20 ms, so twelve jittered
rounds that grow to half a second outlast any pile-up the API's throttle lets in."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The claim and its record stand."""


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The id is taken: by an earlier try of the same request, or by another request under the same key."""

    found: Reservation | Tombstone


@dataclass(frozen=True, slots=True)
class DomainsTaken:
    """A rival owns one of the domains, or the topology changed; ``claims`` is the pod as it stood."""

    claims: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class QuotaMoved:
    """The quota is not as it was read; ``quota`` is how it stood, ``None`` when it is gone."""

    quota: Quota | None


AcceptOutcome: TypeAlias = Accepted | AlreadyThere | DomainsTaken | QuotaMoved


class ReservationStore:
    """The holders table, as far as reservations go.

    Args:
        database: where to read and write.
        inventory_table: name of the table with the pods' claims.
        holders_table: name of the table with the records.
        pause: waits before a transaction is sent again after a conflict.
    """

    def __init__(
        self,
        database: Database,
        inventory_table: str,
        holders_table: str,
        pause: Pause,
    ) -> None:
        self._database = database
        self._table = holders_table
        self._writes = ReservationWrites(inventory_table, holders_table)
        self._pause = pause

    def find(self, organization_id: str, reservation_id: str) -> Reservation | Tombstone | None:
        """The record under an id, or its tombstone."""
        item = self._database.get(self._table, keys.reservation(organization_id, reservation_id))
        return None if item is None else _decode(item)

    def get(self, organization_id: str, reservation_id: str) -> Reservation | None:
        """A reservation that customers are told of."""
        found = self.find(organization_id, reservation_id)
        return found if isinstance(found, Reservation) and found.is_shown else None

    def get_in(self, organization_ids: Sequence[str], reservation_id: str) -> Reservation | None:
        """A reservation under the first of the organizations that has it."""
        wanted = [keys.reservation(organization_id, reservation_id) for organization_id in organization_ids]
        found = (_decode(item) for item in self._database.get_many(self._table, wanted))
        return next((r for r in found if isinstance(r, Reservation) and r.is_shown), None)

    def of_organization(self, organization_id: str, window: Window = EVERYTHING) -> Iterator[Reservation]:
        """Reservations of an organization that are not gone, in id order, from the window's first id on."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(
            self._table, partition, keys.RESERVATION_PREFIX, first=window.first_id, limit=window.chunk
        )
        for found in self._database.readable(items, _decode):
            if isinstance(found, Reservation) and found.is_shown:
                yield found

    def unsettled(self, until: int) -> Iterator[tuple[str, str]]:
        """(organization id, reservation id) of records unsettled since ``until`` or before."""
        shards = ("unsettled", keys.unsettled_shards())
        since = ("unsettled_since", until)
        for entry in self._database.query_index(self._table, keys.UNSETTLED_INDEX, shards, since):
            if entry["sk"].startswith(keys.RESERVATION_PREFIX):
                organization = entry["pk"].removeprefix(keys.organization_partition(""))
                yield organization, entry["sk"].removeprefix(keys.RESERVATION_PREFIX)

    def accept(
        self,
        reservation: Reservation,
        version: int,
        quota: Quota | None,
        stamps: Sequence[bytes | None] = (),
    ) -> AcceptOutcome:
        """Own the domains, record the reservation, count it. One transaction.

        A try whose answer got lost is sent again: if it had been committed, it now meets its own record.
        """
        outcome = self._send(self._writes.accept(reservation, version, quota, stamps))
        if isinstance(outcome, Committed):
            return Accepted()
        if (record := outcome.items.get(RECORD)) is not None:
            return AlreadyThere(_decode(record))
        if POD in outcome.items:
            return DomainsTaken(outcome.items[POD])
        item = outcome.items[QUOTA]
        return QuotaMoved(decode_quota(item) if item is not None else None)

    def begin(self, reservation: Reservation, deadline: int) -> bool:
        """``pending`` to ``provisioning``; false when the record has moved on."""
        return self._commit(self._writes.begin(reservation, deadline))

    def complete(self, reservation: Reservation) -> bool:
        """``provisioning`` to ``provisioned``; false when the record has moved on."""
        return self._commit(self._writes.complete(reservation))

    def abandon(self, reservation: Reservation, message: str) -> bool:
        """Begin to undo provisioning; false when the record has moved on."""
        return self._commit(self._writes.abandon(reservation, message))

    def fail(self, reservation: Reservation) -> bool:
        """``provisioning`` to ``error`` and release; false when the record has moved on."""
        if reservation.placement is None:
            return False
        return self._commit(*self._writes.fail(reservation, reservation.placement))

    def mark_deleted(self, reservation: Reservation, now: int) -> bool:
        """To ``deprovisioning``; false when it already was, or is gone."""
        return self._commit(self._writes.mark_deleted(reservation, now))

    def remove(self, reservation: Reservation, now: int) -> bool:
        """Release and remove; false when the record has moved on or is gone."""
        return self._commit(*self._writes.remove(reservation, now))

    def next_attempt(self, reservation: Reservation, now: int) -> bool:
        """Take the right to start the next execution; false when somebody else did."""
        return self._commit(self._writes.next_attempt(reservation, now))

    def count_in(self, reservation: Reservation, _subjects: Collection[str] = ()) -> bool:
        """Count a reservation that was made before its organization was counted. Safe to repeat."""
        return self._commit(*self._writes.count_in(reservation))

    def _commit(self, *actions: Action) -> bool:
        """Send; true when it stands, false when the record is not (or no longer) as demanded.

        Raises:
            StorageUnavailable: the outcome is not known, or a part other than the record refused, which
                means that record and inventory disagree: never glossed over, see the operations guide.
        """
        outcome = self._send(actions)
        if isinstance(outcome, Committed):
            return True
        if RECORD in outcome.items:
            return False
        raise StorageUnavailable(
            f"the record and the {' and the '.join(sorted(outcome.items))} disagree", outcome_unknown=False
        )

    def _send(self, actions: Sequence[Action]) -> Committed | Refused:
        for attempt in range(_CONFLICTS_MAX):
            outcome: Outcome = self._database.commit(*actions)
            if not isinstance(outcome, Busy):
                return outcome
            self._pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)


def _decode(item: dict[str, Any]) -> Reservation | Tombstone:
    return decode_tombstone(item) if is_tombstone(item) else decode_reservation(item)

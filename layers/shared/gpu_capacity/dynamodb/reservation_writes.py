"""Every write of a reservation, as a value. Each says what it demands and why.

``#status`` is aliased throughout: the bare word is reserved in expressions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys, quotas
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.reservation_items import encode_reservation
from gpu_capacity.dynamodb.tombstones import IS_FREE, encode_tombstone, free_at
from gpu_capacity.dynamodb.writes import Delete, Put, Update
from gpu_capacity.holders.bookings import new_tag
from gpu_capacity.holders.ids import claim_tag
from gpu_capacity.holders.reservation import Status, sources_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action, Write
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.reservation import Reservation
    from gpu_capacity.placement.model import Placement

POD: Final = "pod"
RECORD: Final = "record"

_STATUS_NAME: Final = {"#status": "status"}


@dataclass(frozen=True, slots=True)
class ReservationWrites:
    """Builds writes against named tables."""

    inventory_table: str
    holders_table: str

    def accept(
        self,
        reservation: Reservation,
        version: int,
        quota: Quota | None,
        stamps: Sequence[bytes | None] = (),
    ) -> list[Action]:
        """Own the domains, record the reservation and count it: all or none.

        The record is last to be believed and first to be met by a retry: its id stands for the request.
        """
        actions: list[Action] = [self._claim(reservation, version, stamps), self._record(reservation)]
        if quota is not None:
            actions.append(quotas.count(self.holders_table, quota, reservation.count))
        return actions

    def begin(self, reservation: Reservation, deadline: int) -> Write:
        """``pending`` to ``provisioning``, with the deadline that the workflow is held to."""
        return self._move(
            reservation,
            Status.PROVISIONING,
            sets="deadline = :deadline",
            values={":deadline": encode_value(deadline)},
        )

    def complete(self, reservation: Reservation) -> Write:
        """``provisioning`` to ``provisioned``; leaves the index. Not once the undo has begun."""
        return self._move(
            reservation,
            Status.PROVISIONED,
            removes="unsettled, unsettled_since",
            demands="attribute_not_exists(failure)",
        )

    def abandon(self, reservation: Reservation, message: str) -> Write:
        """Note that provisioning is being undone, and why. The first message stays."""
        return Update(
            RECORD,
            self.holders_table,
            self._key(reservation),
            "SET failure = if_not_exists(failure, :message)",
            "#status = :provisioning",
            _STATUS_NAME,
            {":message": {"S": message}, ":provisioning": {"S": Status.PROVISIONING.value}},
        )

    def fail(self, reservation: Reservation, placement: Placement) -> list[Action]:
        """``provisioning`` to ``error``, its capacity given back in the same breath."""
        moved = self._move(
            reservation,
            Status.ERROR,
            removes="unsettled, unsettled_since, pod, #start, topology_hash, hardware, counted, deadline",
            demands=f"attribute_exists(failure) AND {_counted_as_read(reservation)}",
            names={"#start": "start"},
        )
        return [self._release(reservation, placement), moved, *self._uncount(reservation)]

    def mark_deleted(self, reservation: Reservation, now: int) -> Write:
        """Any status to ``deprovisioning``: it wins over whatever a workflow is about to write.

        The attempts of the new workflow are numbered afresh; the last one of provisioning is kept, because
        that execution has to be stopped.
        """
        return self._move(
            reservation,
            Status.DEPROVISIONING,
            sets="deleted_at = :now, unsettled = :shard, unsettled_since = :now, "
            "provision_attempt = attempt, attempt = :first",
            values={
                ":now": encode_value(now),
                ":first": encode_value(0),
                ":shard": {"S": keys.unsettled_shard(reservation.id)},
            },
        )

    def remove(self, reservation: Reservation, now: int) -> list[Action]:
        """Give back what is still owned, and remove the record.

        A record whose id stands for an idempotency key leaves a tombstone for a day.
        """
        demand = f"#status = :deprovisioning AND {_counted_as_read(reservation)}"
        values = {":deprovisioning": {"S": Status.DEPROVISIONING.value}}
        record: Action
        if reservation.keyed:
            record = Put(
                RECORD,
                self.holders_table,
                encode_tombstone(self._key(reservation), reservation.fingerprint, now),
                demand,
                _STATUS_NAME,
                values,
            )
        else:
            record = Delete(RECORD, self.holders_table, self._key(reservation), demand, _STATUS_NAME, values)
        if reservation.placement is None:
            return [record]
        return [self._release(reservation, reservation.placement), record, *self._uncount(reservation)]

    def count_in(self, reservation: Reservation) -> list[Action]:
        """Count a reservation that was made before its organization had a limit, once.

        What exists is counted even beyond the limit: a limit stops new claims and takes nothing away.
        """
        return [
            Update(
                RECORD,
                self.holders_table,
                self._key(reservation),
                "SET counted = :true",
                "attribute_exists(pod) AND attribute_not_exists(counted)",
                {},
                {":true": {"BOOL": True}},
            ),
            quotas.count_in(
                self.holders_table,
                reservation.organization_id,
                reservation.accelerator,
                reservation.count,
            ),
        ]

    def next_attempt(self, reservation: Reservation, now: int) -> Write:
        """Number a new execution of the same workflow. Of several that try, one succeeds."""
        return Update(
            RECORD,
            self.holders_table,
            self._key(reservation),
            "SET attempt = :next, unsettled_since = :now",
            "#status = :status AND attempt = :attempt",
            _STATUS_NAME,
            {
                ":next": encode_value(reservation.attempt + 1),
                ":now": encode_value(now),
                ":attempt": encode_value(reservation.attempt),
                ":status": {"S": reservation.status.value},
            },
        )

    def _claim(self, reservation: Reservation, version: int, stamps: Sequence[bytes | None]) -> Update:
        """Own every domain, each only if it is as placement saw it: free, and on that topology.

        One condition per domain and not a version of the whole pod: claims of disjoint domains never
        invalidate each other. The topology version keeps an old snapshot off hardware known to be broken.
        """
        placement = _placement(reservation)
        domains = [keys.domain_attribute(position) for position in placement.positions]
        demands = ["v = :version"]
        values = {":tag": {"B": claim_tag(reservation.id)}, ":version": encode_value(version)}
        for domain, stamp in zip(domains, stamps or [None] * len(domains), strict=True):
            if stamp is None:
                demands.append(f"attribute_not_exists({domain})")
            else:
                demands.append(f"{domain} = :{domain}")
                values[f":{domain}"] = encode_value(stamp)
        return Update(
            POD,
            self.inventory_table,
            keys.claims(reservation.region_id, reservation.flavor_id, placement.pod_id),
            "SET " + ", ".join(f"{domain} = :tag" for domain in domains),
            " AND ".join(demands),
            {},
            values,
        )

    def _release(self, reservation: Reservation, placement: Placement) -> Update:
        """Free every domain, each only if this holder owns it, and leave a stamp that was never there.

        The topology version is not demanded: held capacity can be given back whatever became of it.
        """
        domains = [keys.domain_attribute(position) for position in placement.positions]
        return Update(
            POD,
            self.inventory_table,
            keys.claims(reservation.region_id, reservation.flavor_id, placement.pod_id),
            "SET " + ", ".join(f"{domain} = :stamp" for domain in domains),
            " AND ".join(f"{domain} = :tag" for domain in domains),
            {},
            {
                ":tag": {"B": claim_tag(reservation.id)},
                ":stamp": encode_value(new_tag(hashlib.sha256(reservation.server_owner.encode()).digest())),
            },
        )

    def _record(self, reservation: Reservation) -> Put:
        """The record, only if the id is new: a retry meets the record that is there."""
        return Put(
            RECORD,
            self.holders_table,
            encode_reservation(reservation),
            IS_FREE,
            {},
            free_at(reservation.created_at),
        )

    def _uncount(self, reservation: Reservation) -> list[Action]:
        """Take back what was counted; a reservation made without a quota has nothing to take back."""
        if not reservation.counted:
            return []
        return [
            quotas.uncount(
                self.holders_table,
                reservation.organization_id,
                reservation.accelerator,
                reservation.count,
            )
        ]

    def _move(
        self,
        reservation: Reservation,
        target: Status,
        *,
        sets: str = "",
        removes: str = "",
        demands: str = "",
        names: dict[str, str] | None = None,
        values: dict[str, dict[str, str]] | None = None,
    ) -> Update:
        """A change of status: conditional on a status that the table lets it leave."""
        sources = {f":from{n}": {"S": status.value} for n, status in enumerate(sources_of(target))}
        update = (
            "SET #status = :to" + (f", {sets}" if sets else "") + (f" REMOVE {removes}" if removes else "")
        )
        condition = f"#status IN ({', '.join(sources)})" + (f" AND {demands}" if demands else "")
        return Update(
            RECORD,
            self.holders_table,
            self._key(reservation),
            update,
            condition,
            _STATUS_NAME | (names or {}),
            {":to": {"S": target.value}, **sources, **(values or {})},
        )

    def _key(self, reservation: Reservation) -> Key:
        return keys.reservation(reservation.organization_id, reservation.id)


def _counted_as_read(reservation: Reservation) -> str:
    """Whether the units are counted must not have changed since the record was read: see ``_uncount``."""
    return "attribute_exists(counted)" if reservation.counted else "attribute_not_exists(counted)"


def _placement(reservation: Reservation) -> Placement:
    if reservation.placement is None:
        raise ValueError("a reservation is accepted with its placement")
    return reservation.placement

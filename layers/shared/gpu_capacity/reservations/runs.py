"""Runs of whole domains in pods: owned by one booking, fenced, and given back.

Each is one conditional write of one item, sent again until the database has decided: see
``inventory.bookings`` for why no late one does harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.database import Committed, Refused
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.bookings import TAG_BYTES
from gpu_capacity.inventory.items import decode_owners, encode_booking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.dynamodb.client import AttributeValue
    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.writes import Write
    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.inventory.snapshot import Basis
    from gpu_capacity.reservations.record import Run

Place: TypeAlias = tuple[str, str, str]
"""Region id, flavor id and pod id."""

POD: Final = "pod"

_SENDS_MAX: Final = 12


class Runs:
    """The pods' ownership, as far as whole domains go.

    Args:
        database: where to read and write.
        table: name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def own(self, place: Place, booking: Booking, basis: Basis) -> Refused | None:
        """Book a run, if every domain of it is as placement saw it; ``None`` when the booking stands.

        A refusal is final: what refused it never becomes again what was seen, so this write can never land.

        Raises:
            StorageUnavailable: not decided; it may stand, or land later. ``fence`` ends that.
        """
        return self._definite(own_write(self._table, place, booking, basis))

    def release(self, place: Place, owner: bytes, positions: Iterable[int], stamp: bytes) -> None:
        """Give back what an owner has in a pod; what it does not have any more is no error.

        Args:
            place: the pod.
            owner: the tag of a booking, or the holder tag of a holder that owns without one.
            positions: where such a holder owns.
            stamp: a fresh one.

        Raises:
            StorageUnavailable: not decided.
        """
        if len(owner) == TAG_BYTES:
            self._definite(end_write(self._table, place, owner))
            return
        left = list(positions)
        for _ in range(_SENDS_MAX):
            if not left:
                return
            refused = self._definite(_vacate_write(self._table, place, owner, left, stamp))
            if refused is None:
                return
            item = refused.items[POD] or {}
            left = [p for p in left if item.get(keys.domain_attribute(p)) == owner]
        raise StorageUnavailable("the pod kept changing", outcome_unknown=True)

    def fence(self, place: Place, run: Run, stamp: bytes) -> None:
        """Give up a run that may be owned, or may yet come to be: after this it is not and never will be.

        A booking that stands is ended. One that does not could still land only while its first domain is as
        it was seen, which a fresh stamp ends; where somebody else owns that domain it is so already.

        Raises:
            StorageUnavailable: not decided.
        """
        for _ in range(_SENDS_MAX):
            item = self._database.get(self._table, keys.owners(*place))
            if item is None:
                return
            claims, first = decode_owners(item), run.placement.start
            if keys.booking_attribute(run.tag) in item:
                self._definite(end_write(self._table, place, run.tag))
                return
            if first in claims.owners:
                return
            write = _stamp_write(self._table, place, run, claims.stamps.get(first), stamp)
            if self._definite(write) is None:
                return
        raise StorageUnavailable("the pod kept changing", outcome_unknown=True)

    def _definite(self, write: Write) -> Refused | None:
        """Send until the database has decided; ``None`` when the write stands."""
        failure: StorageUnavailable | None = None
        for attempt in range(_SENDS_MAX):
            try:
                outcome = self._database.commit(write)
            except StorageUnavailable as error:
                failure = error
            else:
                if isinstance(outcome, Committed):
                    return None
                if isinstance(outcome, Refused):
                    return outcome
            self._database.pause(attempt)
        raise StorageUnavailable("the database did not decide in time", outcome_unknown=True) from failure


def own_write(table: str, place: Place, booking: Booking, basis: Basis) -> Update:
    """The stamps and the booking, if every domain is as it was seen, or if the booking stands already.

    One condition per domain and not a version of the whole pod: claims of disjoint domains never invalidate
    each other. No booking lies in the run while its stamps are those that were seen. The topology version
    keeps an old snapshot off hardware known to be broken.
    """
    # Whose tag this is by chance (one in billions) keeps its booking.
    demands = ["v = :version", "attribute_not_exists(#b)"]
    values: dict[str, AttributeValue] = {
        ":version": encode_value(basis.version),
        ":tag": encode_value(booking.tag),
        ":booking": encode_value(encode_booking(booking)),
    }
    domains = [keys.domain_attribute(position) for position in booking.positions]
    known: dict[bytes, str] = {}
    for domain, stamp in zip(domains, basis.stamps, strict=True):
        if stamp is None:
            demands.append(f"attribute_not_exists({domain})")
        else:
            name = known.setdefault(stamp, f":s{len(known)}")
            values[name] = encode_value(stamp)
            demands.append(f"{domain} = {name}")
    return Update(
        POD,
        table,
        keys.owners(*place),
        "SET " + ", ".join(f"{domain} = :tag" for domain in domains) + ", #b = :booking",
        f"({' AND '.join(demands)}) OR #b = :booking",
        {"#b": keys.booking_attribute(booking.tag)},
        values,
    )


def end_write(table: str, place: Place, tag: bytes) -> Update:
    """The end of a booking, whatever its size. Its stamps stay."""
    names = {"#b": keys.booking_attribute(tag)}
    return Update(POD, table, keys.owners(*place), "REMOVE #b", "attribute_exists(#b)", names)


def _vacate_write(table: str, place: Place, owner: bytes, positions: Iterable[int], stamp: bytes) -> Update:
    """Fresh stamps where a holder without a booking owns. The topology version is not demanded."""
    domains = [keys.domain_attribute(position) for position in positions]
    return Update(
        POD,
        table,
        keys.owners(*place),
        "SET " + ", ".join(f"{domain} = :stamp" for domain in domains),
        " AND ".join(f"{domain} = :owner" for domain in domains),
        {},
        {":owner": encode_value(owner), ":stamp": encode_value(stamp)},
    )


def _stamp_write(table: str, place: Place, run: Run, seen: bytes | None, stamp: bytes) -> Update:
    domain = keys.domain_attribute(run.placement.start)
    values: dict[str, Any] = {":stamp": encode_value(stamp)}
    demand = f"attribute_not_exists({domain})"
    if seen is not None:
        demand = f"{domain} = :seen"
        values[":seen"] = encode_value(seen)
    return Update(
        POD,
        table,
        keys.owners(*place),
        f"SET {domain} = :stamp",
        f"attribute_exists(v) AND attribute_not_exists(#b) AND {demand}",
        {"#b": keys.booking_attribute(run.tag)},
        values,
    )

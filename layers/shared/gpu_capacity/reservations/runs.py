"""Writes ownership of runs of whole domains: makes a booking, ends it, or fences it.

Each is one conditional write of one item, sent again until its outcome is known: ``inventory.bookings`` says
why a late one does no harm.
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
    from collections.abc import Iterable, Sequence

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
    """Ownership of whole domains, in the ownership items of pods.

    Args:
        database: where to read and write.
        table: name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def own(self, place: Place, booking: Booking, basis: Basis) -> Refused | None:
        """Make a booking, if every domain of the run is as placement saw it.

        A refusal is final: stamps never return to an earlier value, so this write can never land later.

        Returns:
            None when the booking is made, else the refusal, with the item as it is.

        Raises:
            StorageUnavailable: the outcome is unknown: the booking may be there, or land later. ``fence``
                rules that out.
        """
        return self._definite(own_write(self._table, place, booking, basis))

    def release(self, place: Place, owner: bytes, positions: Iterable[int], stamp: bytes) -> None:
        """Release what an owner has in a pod. It is no error if the owner has nothing there any more.

        Args:
            place: the pod.
            owner: the tag of a booking, or the holder tag of a reservation of an earlier version.
            positions: the domains of a reservation of an earlier version.
            stamp: a fresh one, for those domains.

        Raises:
            StorageUnavailable: the outcome is unknown.
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
        """End a booking for good: after this it does not exist, and no late write can make it.

        If the booking exists it is ended. If not, its write could land only while the first domain has the
        stamp that the write demands, so that domain gets a fresh stamp. If the domain has another owner by
        now, its stamp has changed already.

        Args:
            place: the pod.
            run: with the tag of the booking.
            stamp: a fresh one.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        for _ in range(_SENDS_MAX):
            item = self._database.get(self._table, keys.owners(*place))
            if item is None:
                return
            owners, first = decode_owners(item), run.placement.start
            if keys.booking_attribute(run.tag) in item:
                self._definite(end_write(self._table, place, run.tag))
                return
            if first in owners.owners:
                return
            write = _stamp_write(self._table, place, run, owners.stamps.get(first), stamp)
            if self._definite(write) is None:
                return
        raise StorageUnavailable("the pod kept changing", outcome_unknown=True)

    def _definite(self, write: Write) -> Refused | None:
        """Send a write until its outcome is known: None when it is applied, else the refusal."""
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
    """The write that makes a booking and sets the stamps of its domains.

    It demands that every domain has the stamp that was read, or that the booking exists already (a repeat).
    It has a condition for each domain, and not a version of the whole pod, so that bookings of disjoint runs
    do not refuse each other. While the stamps are those that were read, no booking overlaps the run. The
    topology version keeps a decision on an old snapshot off hardware that is known to be broken.
    """
    # If another booking has this tag by chance (one in billions), that booking stays as it is.
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


def split_write(
    table: str, place: Place, ended: Sequence[Run], made: Sequence[Booking], version: int
) -> Update:
    """The write that replaces bookings by others of the same domains, if the topology is as it was read.

    Every booking that is made gets its stamps, so that what was decided on the earlier ones is refused. Runs
    under the holder tag of a version before 0.7.0 become bookings.

    Args:
        table: the inventory table.
        place: the pod.
        ended: what owns the domains now.
        made: what is to own them, under new tags.
        version: of the topology.
    """
    demands, names, values = ["v = :version"], {}, {":version": encode_value(version)}
    for number, run in enumerate(ended):
        if len(run.tag) == TAG_BYTES:
            names[f"#o{number}"] = keys.booking_attribute(run.tag)
            demands.append(f"attribute_exists(#o{number})")
        else:
            values[":owner"] = encode_value(run.tag)
            demands += [f"{keys.domain_attribute(position)} = :owner" for position in run.placement.positions]
    removed = list(names)
    sets = []
    for number, booking in enumerate(made):
        names[f"#n{number}"] = keys.booking_attribute(booking.tag)
        values |= {
            f":t{number}": encode_value(booking.tag),
            f":b{number}": encode_value(encode_booking(booking)),
        }
        sets += [f"{keys.domain_attribute(position)} = :t{number}" for position in booking.positions]
        sets.append(f"#n{number} = :b{number}")
        if ":owner" not in values:
            # The expression has no room for both. That a tag is taken happens once in billions.
            demands.append(f"attribute_not_exists(#n{number})")
    update = "SET " + ", ".join(sets) + (f" REMOVE {', '.join(removed)}" if removed else "")
    return Update(POD, table, keys.owners(*place), update, " AND ".join(demands), names, values)


def end_write(table: str, place: Place, tag: bytes) -> Update:
    """The write that ends a booking of any size. The stamps of its domains stay."""
    names = {"#b": keys.booking_attribute(tag)}
    return Update(POD, table, keys.owners(*place), "REMOVE #b", "attribute_exists(#b)", names)


def _vacate_write(table: str, place: Place, owner: bytes, positions: Iterable[int], stamp: bytes) -> Update:
    """The write that frees domains owned by a holder tag, by fresh stamps; under any topology version."""
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
    """The write that gives the first domain of a run a fresh stamp, if the run has not been booked."""
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

"""Tentative bookings: those of reservations that may still have to give them back.

A reservation books its run shortly before its record leaves the status ``claiming``. Until then the request
may die, or find that the record was taken over. Such a booking is tentative, and no request is finally
refused because of it. A booking is certain if it existed before the claiming records were looked up, still
exists afterwards, and none of those records names it: its record has left ``claiming``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import RaceLost
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Unplaceable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasInventory
    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.inventory.snapshot import Snapshot
    from gpu_capacity.placement.model import Request

    class Naming(Protocol):
        """A run and the tag of its booking, as named by a record."""

        @property
        def tag(self) -> bytes:
            """The tag of the booking that exists or will be made."""

    class Claimant(Protocol):
        """A record in status ``claiming``."""

        @property
        def named(self) -> Naming | None:
            """The run that it is about to book, or to give back."""

    class Claimants(Protocol):
        """The store of the records whose holders own whole domains."""

        def claiming(self, since: int, until: int) -> tuple[Sequence[Claimant], int]:
            """The records ``claiming`` since a time in this range, and since when none is omitted."""

    class Needs(HasClock, HasInventory, Protocol):
        """What the functions of this module work with."""

        @property
        def reservations(self) -> Claimants:
            """The store of reservations."""

    Flavor = tuple[str, str]
    """Region id and flavor id."""

TENTATIVE_SECONDS_MAX: Final = 600
"""How old a tentative booking can be. Reconcile has settled or removed the records of older ones."""

CLOCKS_APART_SECONDS_MAX: Final = 60
"""How far the clock of another function may be ahead."""

BOOKING_SECONDS_MAX: Final = 60
"""How long after the write of its record a reservation may still book: see ``reservations.claiming``."""


def decide_again(
    services: Needs, flavor: Flavor, seen: tuple[Snapshot, Unplaceable], request: Request
) -> tuple[Snapshot, Placement | Unplaceable]:
    """Place a request again that did not fit, if it might fit without tentative bookings.

    Args:
        services: collaborators.
        flavor: region id and flavor id.
        seen: the snapshot that was just read, and why the request does not fit in it.
        request: the request to place.

    Returns:
        A snapshot and the decision on it. An ``Unplaceable`` does not depend on tentative bookings.

    Raises:
        RaceLost: the request does not fit now, but might fit if tentative bookings are given back.
    """
    if not _fits_without(seen[0], _recent(services, flavor), request):
        return seen
    found = _look_again(services, flavor)
    decision = place(found.snapshot.line, request)
    if isinstance(decision, Unplaceable) and _fits_without(found.snapshot, found.tentative, request):
        raise RaceLost("what is left is being claimed by others")
    return found.snapshot, decision


def is_tentative(services: Needs, flavor: Flavor, pod_id: str, position: int) -> bool:
    """Whether the booking of a domain in the last snapshot is tentative, or has changed since."""
    tag = _tag_at(_recent(services, flavor), pod_id, position)
    if tag is None:
        return False
    found = _look_again(services, flavor)
    now = _tag_at(services.inventory.bookings(*flavor), pod_id, position)
    return tag != now or any(b.tag == tag for _, b in found.tentative)


@dataclass(frozen=True, slots=True)
class _Found:
    """A snapshot, and the tentative bookings in it with their pod ids."""

    snapshot: Snapshot
    tentative: list[tuple[str, Booking]]


def _recent(services: Needs, flavor: Flavor) -> list[tuple[str, Booking]]:
    """The bookings in the last snapshot that are recent enough to be tentative, with their pod ids."""
    since = services.clock.now() - TENTATIVE_SECONDS_MAX
    return [(pod, b) for pod, b in services.inventory.bookings(*flavor) if b.since >= since]


def _look_again(services: Needs, flavor: Flavor) -> _Found:
    """Look up the claiming records, and then read the bookings.

    The records are looked up in the sparse index, which shows a record some milliseconds after it was
    written. Its booking is made at least a round trip later.
    """
    before = {booking.tag for _, booking in services.inventory.bookings(*flavor)}
    now = services.clock.now()
    since = now - TENTATIVE_SECONDS_MAX
    claiming, whole_since = services.reservations.claiming(since, now + CLOCKS_APART_SECONDS_MAX)
    named = {r.named.tag for r in claiming if r.named}
    snapshot = services.inventory.fresh_snapshot(*flavor)
    booked = services.inventory.bookings(*flavor)

    def is_tentative_booking(booking: Booking) -> bool:
        # A record that the look-up omitted is older than ``whole_since``, and booked soon after its write.
        may_be_omitted = since <= booking.since < whole_since + BOOKING_SECONDS_MAX and whole_since > since
        return booking.tag in named or booking.tag not in before or may_be_omitted

    return _Found(snapshot, [(pod, b) for pod, b in booked if is_tentative_booking(b)])


def _tag_at(booked: list[tuple[str, Booking]], pod_id: str, position: int) -> bytes | None:
    return next((b.tag for pod, b in booked if pod == pod_id and position in b.positions), None)


def _fits_without(snapshot: Snapshot, booked: list[tuple[str, Booking]], request: Request) -> bool:
    """Whether a request would fit if all of these bookings were given back."""
    freed: defaultdict[str, int] = defaultdict(int)
    for pod_id, booking in booked:
        freed[pod_id] |= sum(1 << position for position in booking.positions)
    line = snapshot.line
    for pod_id, mask in freed.items():
        index = line.find(pod_id)
        if index is not None:
            pod = line.pods[index]
            line = line.with_owned(pod_id, pod.owned & ~mask, pod.borders & ~mask)
    return line is not snapshot.line and isinstance(place(line, request), Placement)

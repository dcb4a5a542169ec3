"""What is merely under claim: owned by somebody who may still have to give it back.

A run is owned a moment before its record is settled. Until then its claimant may die, or find that the record
was taken over, so nobody gets a final "no" because of it. A "no" stands by bookings that were there before it
was looked up who is claiming, and are there still: a record that does not claim by then has them.
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
        """A run that a record names."""

        @property
        def tag(self) -> bytes:
            """Of the booking that it has or will have."""

    class Claimant(Protocol):
        """A record that may still give up a booking."""

        @property
        def named(self) -> Naming | None:
            """What it is about to own, or to give back."""

    class Claimants(Protocol):
        """The records of those who own whole domains."""

        def claiming(self, since: int) -> tuple[Sequence[Claimant], int]:
            """Who is claiming, since then or later; and since when these are all of them."""

    class Needs(HasClock, HasInventory, Protocol):
        """What the functions of this module work with."""

        @property
        def reservations(self) -> Claimants:
            """Records of reservations."""

    Flavor = tuple[str, str]
    """Region id and flavor id."""

TENTATIVE_SECONDS_MAX: Final = 600
"""How long ago a booking was made that may still be under claim: reconcile has ended all older ones."""


BOOKING_SECONDS_MAX: Final = 60
"""How long after its record a claimant may still book: see ``reservations.claiming``."""


def decide_again(
    services: Needs, flavor: Flavor, seen: tuple[Snapshot, Unplaceable], request: Request
) -> tuple[Snapshot, Placement | Unplaceable]:
    """Place what does not fit once more, unless it does not whoever gives up what he is claiming.

    Args:
        services: collaborators.
        flavor: where to place.
        seen: what was just read, and why nothing fits there.
        request: what to place.

    Raises:
        RaceLost: it might fit, as soon as others who are claiming have given up.
    """
    if not _fits_without(seen[0], _young(services, flavor), request):
        return seen
    found = _look_again(services, flavor)
    decision = place(found.snapshot.line, request)
    if isinstance(decision, Unplaceable) and _fits_without(found.snapshot, found.unsure, request):
        raise RaceLost("what is left is being claimed by others")
    return found.snapshot, decision


def is_tentative(services: Needs, flavor: Flavor, pod_id: str, position: int) -> bool:
    """Whether a domain was booked, as it was just read, by somebody who may have given it back by now."""
    by = _tag_at(_young(services, flavor), pod_id, position)
    if by is None:
        return False
    found = _look_again(services, flavor)
    now = _tag_at(services.inventory.bookings(*flavor), pod_id, position)
    return by != now or any(b.tag == by for _, b in found.unsure)


@dataclass(frozen=True, slots=True)
class _Found:
    """A reading, and the bookings in it that may be given back; with the pod of each."""

    snapshot: Snapshot
    unsure: list[tuple[str, Booking]]


def _young(services: Needs, flavor: Flavor) -> list[tuple[str, Booking]]:
    """What may be under claim of what was just read: of older bookings no claimant is left."""
    since = services.clock.now() - TENTATIVE_SECONDS_MAX
    return [(pod, b) for pod, b in services.inventory.bookings(*flavor) if b.since >= since]


def _look_again(services: Needs, flavor: Flavor) -> _Found:
    """Who is claiming, and what is booked after that.

    Looked up in the sparse index, which shows a record some milliseconds after it was written; the booking
    itself comes a round trip later.
    """
    before = {booking.tag for _, booking in services.inventory.bookings(*flavor)}
    since = services.clock.now() - TENTATIVE_SECONDS_MAX
    claiming, whole_since = services.reservations.claiming(since)
    named = {r.named.tag for r in claiming if r.named}
    snapshot = services.inventory.fresh_snapshot(*flavor)
    booked = services.inventory.bookings(*flavor)

    def is_unsure(booking: Booking) -> bool:
        # A record that was left out began before ``whole_since``, and booked within the time of a request.
        may_be_left_out = since <= booking.since < whole_since + BOOKING_SECONDS_MAX and whole_since > since
        return booking.tag in named or booking.tag not in before or may_be_left_out

    return _Found(snapshot, [(pod, b) for pod, b in booked if is_unsure(b)])


def _tag_at(booked: list[tuple[str, Booking]], pod_id: str, position: int) -> bytes | None:
    return next((b.tag for pod, b in booked if pod == pod_id and position in b.positions), None)


def _fits_without(snapshot: Snapshot, booked: list[tuple[str, Booking]], request: Request) -> bool:
    """Whether a request would fit if all of these bookings were given back."""
    back: defaultdict[str, int] = defaultdict(int)
    for pod_id, booking in booked:
        back[pod_id] |= sum(1 << position for position in booking.positions)
    line = snapshot.line
    for pod_id, mask in back.items():
        index = line.find(pod_id)
        if index is not None:
            pod = line.pods[index]
            line = line.with_owned(pod_id, pod.owned & ~mask, pod.borders & ~mask)
    return line is not snapshot.line and isinstance(place(line, request), Placement)

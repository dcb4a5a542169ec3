"""What is merely under claim: owned by somebody who may still have to give it back.

A run is owned a moment before its record is settled. Until then its claimant may die, or find that the record
was taken over, so nobody gets a final "no" because of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement

CLAIM_SECONDS_MAX: Final = 600
"""How long ago a booking was made that may still be under claim: reconcile has ended all older ones."""

if TYPE_CHECKING:
    from gpu_capacity.holders.bookings import Booking
    from gpu_capacity.placement.model import Request
    from gpu_capacity.placement.snapshot import Snapshot
    from gpu_capacity.services.context import Services


def bookings_under_claim(services: Services, flavor: tuple[str, str]) -> list[tuple[str, Booking]]:
    """Bookings of a region and flavor, with their pods, whose records are claiming still.

    Looked up in the sparse index, which shows a record some milliseconds after it was written; the booking
    itself comes a round trip later.
    """
    since = services.clock.now() - CLAIM_SECONDS_MAX
    booked = {b.tag: (pod_id, b) for pod_id, b in services.inventory.bookings(*flavor) if b.since >= since}
    if not booked:
        return []
    claiming = {r.named.tag for r in services.reservations.claiming(since) if r.named}
    return [booked[tag] for tag in sorted(booked.keys() & claiming)]


def is_under_claim(services: Services, flavor: tuple[str, str], pod_id: str, position: int) -> bool:
    """Whether somebody who may still have to give it back owns a domain as a whole."""
    booked = bookings_under_claim(services, flavor)
    return any(where == pod_id and position in booking.positions for where, booking in booked)


def fits_without_claims_under_way(
    services: Services, flavor: tuple[str, str], snapshot: Snapshot, request: Request
) -> bool:
    """Whether a request that does not fit would, if those who are claiming now gave up."""
    line = snapshot.line
    for pod_id, booking in bookings_under_claim(services, flavor):
        index = line.find(pod_id)
        if index is not None:
            pod = line.pods[index]
            mask = sum(1 << position for position in booking.positions)
            line = line.with_claims(pod_id, pod.claimed & ~mask, pod.borders & ~mask)
    return line is not snapshot.line and isinstance(place(line, request), Placement)

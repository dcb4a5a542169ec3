"""What is merely under claim: owned by somebody who may still have to give it back.

A run is owned a moment before its record is settled. Until then its claimant may die, or find that the record
was taken over, so nobody gets a final "no" because of it. A "no" stands by bookings that were there before it
was looked up who is claiming, and are there still: a record that does not claim by then has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import RaceLost
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Unplaceable

CLAIM_SECONDS_MAX: Final = 600
"""How long ago a booking was made that may still be under claim: reconcile has ended all older ones."""

if TYPE_CHECKING:
    from gpu_capacity.holders.bookings import Booking
    from gpu_capacity.placement.model import Request
    from gpu_capacity.placement.snapshot import Snapshot
    from gpu_capacity.services.context import Services

    Flavor = tuple[str, str]
    """Region id and flavor id."""


def decide_again(
    services: Services, flavor: Flavor, seen: tuple[Snapshot, Unplaceable], request: Request
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
    found = _look_again(services, flavor)
    if found is None:
        return seen
    decision = place(found.snapshot.line, request)
    if isinstance(decision, Unplaceable) and _fits_without(found, request):
        raise RaceLost("what is left is being claimed by others")
    return found.snapshot, decision


def is_under_claim(services: Services, flavor: Flavor, pod_id: str, position: int) -> bool:
    """Whether a domain was booked, as it was just read, by somebody who may have given it back by now."""
    by = _booked_by(services, flavor, pod_id, position)
    found = _look_again(services, flavor) if by is not None else None
    if found is None:
        return False
    return by != _booked_by(services, flavor, pod_id, position) or any(b.tag == by for _, b in found.unsure)


@dataclass(frozen=True, slots=True)
class _Found:
    """A reading, and the bookings in it that may be given back; with the pod of each."""

    snapshot: Snapshot
    unsure: list[tuple[str, Booking]]


def _look_again(services: Services, flavor: Flavor) -> _Found | None:
    """Who is claiming, and what is booked after that; ``None`` where nothing is young enough to be claimed.

    Looked up in the sparse index, which shows a record some milliseconds after it was written; the booking
    itself comes a round trip later.
    """
    since = services.clock.now() - CLAIM_SECONDS_MAX
    before = {booking.tag: booking for _, booking in services.inventory.bookings(*flavor)}
    if all(booking.since < since for booking in before.values()):
        return None
    named = {r.named.tag for r in services.reservations.claiming(since) if r.named}
    snapshot = services.inventory.fresh_snapshot(*flavor)
    booked = services.inventory.bookings(*flavor)
    return _Found(snapshot, [(pod, b) for pod, b in booked if b.tag in named or b.tag not in before])


def _booked_by(services: Services, flavor: Flavor, pod_id: str, position: int) -> bytes | None:
    booked = services.inventory.bookings(*flavor)
    return next((b.tag for pod, b in booked if pod == pod_id and position in b.positions), None)


def _fits_without(found: _Found, request: Request) -> bool:
    """Whether a request would fit if all that is unsure were given back."""
    line = found.snapshot.line
    for pod_id, booking in found.unsure:
        index = line.find(pod_id)
        if index is not None:
            pod = line.pods[index]
            mask = sum(1 << position for position in booking.positions)
            line = line.with_claims(pod_id, pod.claimed & ~mask, pod.borders & ~mask)
    return line is not found.snapshot.line and isinstance(place(line, request), Placement)

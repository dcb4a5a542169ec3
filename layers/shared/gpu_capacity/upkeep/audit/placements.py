"""Rules about placements: a reservation's record and those of its placements have to agree. Pure.

Both are written in the transactions that make and remove a placement, so they agree at every moment. See
``rules`` for how rules are applied, and ``servers`` for what providers have.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from gpu_capacity.dynamodb import keys
from gpu_capacity.placements.record import Placement
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.upkeep.audit.facts import Side, Table
from gpu_capacity.upkeep.audit.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.upkeep.audit.facts import Facts


def placement_findings(facts: Facts) -> Iterator[Finding]:
    """All findings about which hosts of reservations placements have."""
    for record, holder in facts.holders.items():
        match holder:
            case Reservation():
                yield from _of_reservation(facts, record, holder)
            case Placement():
                yield from _of_placement(facts, record, holder)


def _of_reservation(facts: Facts, record: Side, reservation: Reservation) -> Iterator[Finding]:
    """Hosts that are kept for no placement, for two placements, or that the reservation does not own."""
    for placement_id in sorted(reservation.occupied):
        side = _side(keys.placement(reservation.organization_id, placement_id))
        placement = facts.holders.get(side)
        there = isinstance(placement, Placement) and placement.reservation_life == reservation.life
        if not there and side not in facts.unreadable:
            message = "the reservation keeps hosts for a placement that does not exist"
            yield Finding(Kind.OCCUPIED_STALE, f"{record}: {side}", message, (record, side))
    for (one, first), (other, second) in combinations(sorted(reservation.occupied.items()), 2):
        taken = dict(first)
        if any(taken.get(position, 0) & mask for position, mask in second):
            subject = f"{record}: placements {one} and {other}"
            yield Finding(Kind.DOUBLE, subject, "two placements have the same host", (record,))
    if strays := sorted(set(reservation.occupied_hosts) - set(reservation.positions)):
        message = f"placements have hosts at positions that it does not own: {strays}"
        yield Finding(Kind.CONTRADICTORY, f"{record}: occupied", message, (record,))


def _of_placement(facts: Facts, record: Side, placement: Placement) -> Iterator[Finding]:
    """A placement whose hosts its reservation does not keep for it."""
    side = _side(keys.reservation(placement.organization_id, placement.reservation_id))
    reservation = facts.holders.get(side)
    if side in facts.unreadable:
        return
    if not isinstance(reservation, Reservation) or reservation.life != placement.reservation_life:
        message = "its reservation does not exist"
    elif reservation.occupied.get(placement.id) != placement.hosts:
        message = "its reservation does not keep its hosts for it, and may give them to another placement"
    else:
        return
    yield Finding(Kind.OCCUPIED_MISSING, str(record), message, (record, side))


def _side(key: keys.Key) -> Side:
    return Side.of(Table.HOLDERS, key)

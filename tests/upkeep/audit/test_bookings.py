"""The rules about bookings, over plain values: what must be there, what may be, and what must not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.items import PodOwners
from gpu_capacity.inventory.units import topology_hash
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.record import Run, Status
from gpu_capacity.upkeep.audit.bookkeeping import findings_of
from gpu_capacity.upkeep.audit.findings import EndBooking, Kind, MarkRun
from testkit.world import REGION
from tests.upkeep.audit.test_rules import CLAIMS, POD, QUOTA, RECORD, RESERVATION, WELL

if TYPE_CHECKING:
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.upkeep.audit.facts import Facts

TAG, OTHER, LEFT = b"booked", b"others", b"leaves"
BOOKING = Booking(TAG, 1, 2, 7)
SETTLED = replace(RESERVATION, runs=(Run(Placement("pod1", 1, 2), TAG),))
CLAIMING = replace(
    RESERVATION,
    status=Status.CLAIMING,
    runs=(),
    topology_hash=None,
    named=Run(Placement("pod1", 1, 2), TAG),
)
GIVING_BACK = replace(CLAIMING, status=Status.ERROR)
GOING = replace(SETTLED, status=Status.DEPROVISIONING)


RELEASED = replace(
    RESERVATION,
    runs=(Run(Placement("pod1", 1, 1), TAG),),
    leaving=(Run(Placement("pod1", 2, 1), LEFT),),
    topology_hash=topology_hash((REGION, "GB300", "NVL72"), "pod1", POD.between(1, 1)),
    unsettled_since=7,
)
KEPT = Booking(TAG, 1, 1, 7)


def _facts(reservation: Reservation, *bookings: Booking, **owners: bytes) -> Facts:
    stamps = {position: b.tag for b in bookings for position in b.positions}
    marks: dict[int, bytes | dict[str, int]] = {int(name[1:]): owner for name, owner in owners.items()}
    return replace(
        WELL,
        owners={CLAIMS: PodOwners("pod1", 1, marks, stamps, bookings)},
        holders={RECORD: reservation},
        quotas={QUOTA: replace(WELL.quotas[QUOTA], used=reservation.units_used)},
        shards={RECORD: "5"},
    )


def _kinds(facts: Facts) -> list[Kind]:
    return [finding.kind for finding in findings_of(facts)]


@pytest.mark.parametrize("bookings", [(), (BOOKING,), (Booking(OTHER, 1, 2, 7),)])
@pytest.mark.parametrize("reservation", [CLAIMING, GIVING_BACK, GOING])
def test_a_booking_that_a_record_may_have_is_a_finding_neither_if_present_nor_if_absent(
    reservation: Reservation, bookings: tuple[Booking, ...]
) -> None:
    """A run that does not belong to this holder, or no longer, may belong to another."""
    kinds = _kinds(_facts(reservation, *bookings))

    assert kinds == ([Kind.LEAKED] if bookings and bookings[0].tag == OTHER else [])


@pytest.mark.parametrize("reservation", [CLAIMING, GIVING_BACK, GOING])
def test_a_booking_elsewhere_that_a_record_may_have_is_a_leak_and_is_not_freed(
    reservation: Reservation,
) -> None:
    (finding,) = findings_of(_facts(reservation, Booking(TAG, 0, 2, 7)))

    assert (finding.kind, finding.repair) == (Kind.LEAKED, None)


def test_a_booking_without_a_holder_is_one_finding_about_all_hosts_of_its_run() -> None:
    [finding] = [f for f in findings_of(_facts(CLAIMING, Booking(OTHER, 0, 4, 7))) if f.kind is Kind.LEAKED]

    assert isinstance(finding.repair, EndBooking)
    assert len(finding.repair.hosts) == 8


def test_a_whole_run_that_is_free_is_marked_with_the_existing_stamps() -> None:
    facts = _facts(SETTLED)
    facts = replace(facts, owners={CLAIMS: replace(facts.owners[CLAIMS], stamps={2: OTHER})})
    (finding,) = findings_of(facts)

    assert isinstance(finding.repair, MarkRun)
    assert finding.repair.booking == replace(BOOKING, since=RESERVATION.created_at)
    assert finding.repair.stamps == (None, OTHER)


def test_a_run_with_one_domain_of_another_owner_is_not_marked() -> None:
    (orphaned,) = [f for f in findings_of(_facts(SETTLED, d2=b"stranger")) if f.kind is Kind.ORPHANED]

    assert orphaned.repair is None


def test_bookings_and_owners_without_one_never_share_a_domain() -> None:
    assert Kind.DOUBLE in _kinds(_facts(SETTLED, BOOKING, Booking(OTHER, 2, 1, 7)))
    assert Kind.DOUBLE in _kinds(_facts(SETTLED, BOOKING, d1=b"stranger"))
    assert _kinds(_facts(SETTLED, BOOKING)) == []


def test_a_record_that_names_a_run_in_status_error_has_to_be_in_the_index() -> None:
    facts = replace(_facts(GIVING_BACK, BOOKING), shards={})

    assert _kinds(facts) == [Kind.UNSETTLED_MISSING]


@pytest.mark.parametrize("bookings", [(KEPT,), (KEPT, Booking(LEFT, 2, 1, 7))])
def test_a_unit_that_is_leaving_is_no_finding_whether_it_is_booked_or_free(
    bookings: tuple[Booking, ...],
) -> None:
    assert _kinds(_facts(RELEASED, *bookings)) == []


def test_a_unit_that_stays_beside_one_that_leaves_must_be_booked() -> None:
    assert _kinds(_facts(RELEASED, Booking(LEFT, 2, 1, 7))) == [Kind.ORPHANED]


def test_a_leaving_unit_under_a_tag_of_nobody_is_leaked() -> None:
    assert _kinds(_facts(RELEASED, KEPT, Booking(OTHER, 2, 1, 7))) == [Kind.LEAKED]


def test_a_reservation_that_has_released_all_lists_nothing_and_has_the_hash_of_nothing() -> None:
    none = topology_hash((REGION, "GB300", "NVL72"), "", ())
    released = replace(RELEASED, runs=(), leaving=(), topology_hash=none, unsettled_since=None)

    assert _kinds(_facts(released)) == []
    assert _kinds(_facts(replace(released, topology_hash=RESERVATION.topology_hash))) == [Kind.CONTRADICTORY]

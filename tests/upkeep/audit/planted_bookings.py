"""Corruptions of bookings, and of records that name a run."""

from __future__ import annotations

from typing import Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.items import encode_booking
from testkit.world import HOLDERS, INVENTORY, REGION
from tests.upkeep.audit.planted import Corruptions, record, run_of
from tests.upkeep.audit.scene import STRANGER, Scene, leave_server, pod_key

TAG: Final = b"nobody"


PLANTED_BOOKINGS: Final = Corruptions()
planted = PLANTED_BOOKINGS.planted


def _book(scene: Scene, pod_id: str, first: int, count: int) -> None:
    booking = Booking(TAG, first, count, 1)
    attribute = keys.booking_attribute(TAG)
    scene.set(INVENTORY, pod_key(pod_id), **{attribute: encode_booking(booking)})


@planted("double leaked")
def two_bookings_have_a_domain(scene: Scene) -> None:
    placement = run_of(scene)
    _book(scene, placement.pod_id, placement.start, 1)


@planted("double leaked")
def a_booking_lies_over_an_owner_without_one(scene: Scene) -> None:
    key, domain = scene.first_domain()
    scene.set(INVENTORY, key, **{domain: STRANGER})


@planted("double double leaked")
def a_booking_lies_over_the_hosts_of_two_claims(scene: Scene) -> None:
    """A booking of a reservation that still exists, so it may not simply be removed."""
    shared = scene.claim().allocations[0]
    tag = scene.reservation(scene.pending).runs[0].tag
    booking = encode_booking(Booking(tag, shared.position, 1, 1))
    scene.set(INVENTORY, pod_key(shared.pod_id), **{keys.booking_attribute(tag): booking})


@planted("leaked", repaired=True)
def a_booking_has_no_holder(scene: Scene) -> None:
    _book(scene, "pod3", 0, 2)


@planted("leaked server_leaked")
def a_booking_of_nobody_has_a_server(scene: Scene) -> None:
    _book(scene, "pod3", 0, 2)
    leave_server(scene, "somebody-1", "pod3-rack01-tray01")


@planted("leaked")
def a_booking_of_nobody_reaches_past_the_topology(scene: Scene) -> None:
    _book(scene, "pod3", 1, 2)


@planted("leaked")
def a_booking_lies_beside_the_run(scene: Scene) -> None:
    reservation = scene.reservation(scene.pending)
    key = keys.owners(REGION, reservation.flavor_id, "pod3")
    attribute = keys.booking_attribute(reservation.runs[0].tag)
    scene.set(INVENTORY, key, **{attribute: encode_booking(Booking(reservation.runs[0].tag, 0, 1, 1))})


@planted("orphaned")
def a_booking_is_shorter_than_the_run(scene: Scene) -> None:
    key, attribute = scene.booking()
    shorter = Booking(scene.reservation().runs[0].tag, run_of(scene).start, 1, 1)
    scene.set(INVENTORY, key, **{attribute: encode_booking(shorter)})


@planted("unreadable")
def a_booking_is_under_no_tag(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), **{keys.booking_attribute(b"tag"): bytes(7)})


@planted("contradictory")
def a_claiming_reservation_lists_capacity(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.pending), status="claiming")


@planted("unsettled_missing", repaired=True)
def a_reservation_gives_back_and_is_not_in_the_index(scene: Scene) -> None:
    named = {"named_pod": "pod3", "named_start": 0, "named_tag": TAG}
    scene.set(HOLDERS, record(scene.provisioned), **named)

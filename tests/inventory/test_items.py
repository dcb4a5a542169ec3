from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode, encode
from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS, encode_tombstone, is_tombstone
from gpu_capacity.errors import UnreadableItem
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.holders.quota import Quota
from gpu_capacity.holders.quota_store import decode_quota
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.items import (
    decode_owners,
    decode_pod,
    decode_region,
    decode_shape,
    encode_booking,
    encode_pod,
    encode_region,
    encode_shape,
)
from gpu_capacity.inventory.model import HostState, Region
from gpu_capacity.inventory.store import ownership_of
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.reservations.items import (
    decode_reservation,
    encode_reservation,
)
from gpu_capacity.reservations.record import Reservation, Status
from testkit.dynamodb.sizes import item_bytes
from testkit.reservations import RESERVATION_ID, reservation
from testkit.world import ORGANIZATION, offering, pod, rack

FULL = {
    "description": "Reserved accelerator units for training",
    "tags": (Tag("workload", "training"), Tag("team", "")),
    "keyed": True,
    "counted": True,
    "attempt": 3,
    "provision_attempt": 2,
    "deadline": 1_780_001_500,
    "failure": "a server failed",
    "deleted_at": 1_780_000_900,
    "status": Status.DEPROVISIONING,
}


@pytest.mark.parametrize(
    "record",
    [
        reservation(),
        reservation(**FULL),
        reservation(status=Status.PROVISIONED, unsettled_since=None),
        reservation(status=Status.ERROR, unsettled_since=None, runs=(), topology_hash=None, failure="x"),
    ],
    ids=["accepted", "everything set", "provisioned", "failed"],
)
def test_a_reservation_is_read_as_it_was_written(record: Reservation) -> None:
    assert decode_reservation(decode(encode_reservation(record))) == record


def test_absent_descriptions_and_tags_are_not_stored_and_an_empty_description_is() -> None:
    assert not {"description", "tags"} & set(encode_reservation(reservation(description=None)))
    assert decode_reservation(decode(encode_reservation(reservation(description="")))).description == ""


@pytest.mark.parametrize("status", [Status.PROVISIONED, Status.ERROR])
def test_a_settled_record_is_not_in_the_sparse_index(status: Status) -> None:
    assert not {"unsettled", "unsettled_since"} & set(encode_reservation(reservation(status=status)))


@pytest.mark.parametrize("status", [Status.PENDING, Status.PROVISIONING, Status.DEPROVISIONING])
def test_an_unsettled_record_is_in_the_sparse_index(status: Status) -> None:
    item = encode_reservation(reservation(status=status))

    assert item["unsettled"] == {"S": keys.unsettled_shard(RESERVATION_ID)}
    assert item["unsettled_since"] == {"N": "1780000000"}


def test_an_ordinary_record_stays_below_one_kilobyte() -> None:
    """Above it every write would cost twice."""
    ordinary = reservation(
        description="Reserved accelerator units for training",
        tags=(Tag("workload", "training"), Tag("team", "research")),
        name="n" * 63,
        keyed=True,
        counted=True,
        deadline=1_780_001_500,
    )

    assert item_bytes(encode_reservation(ordinary)) < 1024


def test_a_tombstone_keeps_the_fingerprint_for_a_day_under_the_same_key() -> None:
    item = encode_tombstone(keys.reservation(ORGANIZATION, RESERVATION_ID), "f" * 32, now=1000)

    assert is_tombstone(decode(item))
    assert item["fingerprint"] == {"S": "f" * 32}
    assert item["ttl_sweep_at"] == {"N": str(1000 + TOMBSTONE_SECONDS)}
    assert {name: item[name] for name in ("pk", "sk")} == keys.reservation(ORGANIZATION, RESERVATION_ID)


def test_a_quota_is_read_with_its_organization_and_subject() -> None:
    item = keys.quota("org", "GB300") | encode({"limit": 8, "used": 3})

    assert decode_quota(decode(item)) == Quota("org", "GB300", limit=8, used=3)


def test_a_pod_is_read_as_it_was_written() -> None:
    racks = (rack("pöd", 0), rack("pöd", 7, cordoned=True, states={1: HostState.MISSING}, name='"#|'))
    written = replace(pod("pöd", 0, version=9), domains=racks)

    assert decode_pod(decode(encode_pod(written))) == written


def test_a_shape_is_read_as_it_was_written() -> None:
    racks = (rack("pod1", 0), rack("pod1", 7, cordoned=True, states={1: HostState.MISSING}))
    shape = shape_of(replace(pod("pod1", 0, version=9), domains=racks), offering())

    assert decode_shape(decode(encode_shape(shape))) == shape


@pytest.mark.parametrize("organizations", [frozenset[str](), frozenset({"a", "b"})])
def test_a_region_is_read_as_it_was_written(organizations: frozenset[str]) -> None:
    region = Region("uk-lon-1", organizations, (offering(),), observed_at=1_780_000_000)

    assert decode_region(decode(encode_region(region))) == region


def _claims(**attributes: Any) -> dict[str, Any]:
    return decode(keys.owners("r", "f", "pod1") | encode({"v": 5, **attributes}))


def test_ownership_has_the_owner_of_each_position() -> None:
    claims = decode_owners(_claims(d0=b"one", d119=b"two"))

    assert (claims.pod_id, claims.version) == ("pod1", 5)
    assert claims.owners == {0: b"one", 119: b"two"}


def test_a_booking_owns_its_run_whatever_its_stamps() -> None:
    booking = Booking(b"tag-01", first=3, count=2, since=1_780_000_000)
    name = keys.booking_attribute(booking.tag)
    claims = decode_owners(
        _claims(**{name: encode_booking(booking)}, d3=b"tag-01", d4=b"other!", d5=b"other!")
    )

    assert claims.bookings == (booking,)
    assert claims.owners == {3: b"tag-01", 4: b"tag-01"}
    assert claims.stamps == {3: b"tag-01", 4: b"other!", 5: b"other!"}


def test_a_stamp_without_a_booking_owns_nothing() -> None:
    owned = ownership_of(decode_owners(_claims(d3=b"stamp1", d4=b"8 bytes.")))

    assert owned.owned == 0b10000
    assert owned.stamps == {3: b"stamp1"}


@pytest.mark.parametrize("until", [None, 1_790_000_000])
def test_a_booking_is_read_as_it_was_written(until: int | None) -> None:
    booking = Booking(bytes(range(250, 256)), first=1000, count=128, since=1_780_000_000, until=until)

    assert decode_owners(
        _claims(**{keys.booking_attribute(booking.tag): encode_booking(booking)})
    ).bookings == (booking,)


def test_a_snapshot_updated_with_a_booking_equals_a_fresh_read() -> None:
    booking = Booking(b"tag-01", first=3, count=2, since=1_780_000_000)
    name = keys.booking_attribute(booking.tag)
    before = decode_owners(_claims(d2={"a61b9d5a701d4fea": 1}, d4=b"stamp1"))
    after = _claims(d2={"a61b9d5a701d4fea": 1}, d3=b"tag-01", d4=b"tag-01", **{name: encode_booking(booking)})

    assert before.with_booking(booking) == decode_owners(after)


@pytest.mark.parametrize("value", [b"", b"123456", b"12345678", b"x" * 12, "text", 7])
def test_a_booking_in_an_unknown_format_is_unreadable(value: object) -> None:
    with pytest.raises(UnreadableItem):
        decode_owners(_claims(bdGFnLTAx=value))


def test_a_domain_owned_in_part_is_not_free_for_a_unit() -> None:
    claims = decode_owners(_claims(d2={"a61b9d5a701d4fea": 0b101}))

    assert ownership_of(claims).owned == 0b100


def test_a_border_is_wherever_the_owner_changes() -> None:
    """Also between domains that are owned in part, since no holder owns them as one run."""
    part = {"a61b9d5a701d4fea": 0b101}
    claims = decode_owners(_claims(d0=b"one", d1=b"one", d2=b"two", d3=b"two", d4=part, d5=part, d7=b"one"))

    assert ownership_of(claims).borders == 0b1011_0101


def test_owned_hosts_and_owned_gpus_are_distinguished() -> None:
    hosts, gpus = {"a61b9d5a701d4fea": 0b101}, {"ga61b9d5a701d4fea": 0b11}
    owned = ownership_of(decode_owners(_claims(d1=hosts, d2=gpus, d3=b"one")))

    assert (owned.parts, owned.gpus) == ({1: hosts}, {2: gpus})
    assert owned.owned == 0b1110


def test_attributes_that_are_not_domains_are_not_read_as_owners() -> None:
    assert decode_owners(_claims(deadline=1, d=1, dx=1)).owners == {}

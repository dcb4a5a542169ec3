"""Items of existing holders: each is still read as what it was when it was written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.capacity_claims.items import decode_claim, encode_claim
from gpu_capacity.capacity_claims.record import Allocation, Condition
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.tombstones import encode_tombstone, is_tombstone
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.holders.quota import Quota
from gpu_capacity.holders.quota_store import decode_quota
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.items import (
    decode_reservation,
    encode_reservation,
)
from gpu_capacity.reservations.record import Run, Status
from testkit.claims import record
from testkit.placements import PLACEMENT_ID
from testkit.reservations import RESERVATION_ID, reservation
from testkit.world import GB300, ORGANIZATION, REGION

OCCUPIED = "owgtqUkseTw-dPFod4PS3ow"
"""The attribute for the hosts of the placement with the sample id."""

RESERVATION = {
    "pk": f"ORG#{ORGANIZATION}",
    "sk": f"RESERVATION#{RESERVATION_ID}",
    "status": "deprovisioning",
    "project": "f113be96-4dd2-4c14-9c0e-e96c500f21e0",
    "name": "training",
    "description": "a description",
    "tags": [["team", "é"]],
    "region": REGION,
    "accelerator": "GB300",
    "unit": "NVL72",
    "units": 3,
    "flavor": GB300.id,
    "hosts_per_unit": 18,
    "pod": "pod1",
    "start": 2,
    "hash": "sha256:" + "0" * 64,
    "hash_of": b"hardware",
    "created_at": 1_780_000_000,
    "created_by": "john.doe@example.com",
    "fingerprint": "f" * 32,
    "keyed": True,
    "counted": True,
    "attempt": 1,
    "provision_attempt": 4,
    "deadline": 1_780_003_600,
    "failure": "a host is occupied",
    "deleted_at": 1_780_000_100,
    "unsettled": "1",
    "unsettled_since": 1_780_000_200,
    "held": "uk-lon-1#1",
    "schema": 1,
    "life": b"lifetime",
    "revision": 7,
    "tag": b"tag-01",
    "named_pod": "pod2",
    "named_start": 5,
    "named_tag": b"tag-02",
    "claiming_until": 1_780_000_030,
    "spare_hosts": 2,
    OCCUPIED: bytes([2, 0, 2, 0x02, 0x01, 0, 4, 0, 0x0F]),
}


def test_a_reservation_with_every_field() -> None:
    full = reservation(
        status=Status.DEPROVISIONING,
        description="a description",
        tags=(Tag("team", "é"),),
        keyed=True,
        counted=True,
        attempt=1,
        provision_attempt=4,
        deadline=1_780_003_600,
        failure="a host is occupied",
        deleted_at=1_780_000_100,
        unsettled_since=1_780_000_200,
        life=b"lifetime",
        revision=7,
        runs=(Run(Placement("pod1", 2, 3), b"tag-01"),),
        named=Run(Placement("pod2", 5, 3), b"tag-02"),
        claiming_until=1_780_000_030,
        spare_hosts_per_unit=2,
        hardware=b"hardware",
        occupied={PLACEMENT_ID: ((2, 0x0201), (4, 0x0F))},
    )

    assert decode(encode_reservation(full)) == RESERVATION | {"unsettled": str(0x16E9 % 8)}
    assert decode_reservation(RESERVATION) == full


def test_a_reservation_without_optional_fields() -> None:
    bare = reservation(status=Status.ERROR, runs=(), topology_hash=None, unsettled_since=None)
    item = decode(encode_reservation(bare))
    optional = {
        *("description", "tags", "pod", "start", "hash", "hash_of", "keyed", "counted", "provision_attempt"),
        *("deadline", "failure", "deleted_at", "unsettled", "unsettled_since"),
        *(
            "life",
            "revision",
            "tag",
            "named_pod",
            "named_start",
            "named_tag",
            "claiming_until",
            "spare_hosts",
        ),
        OCCUPIED,
    }

    assert set(item) == set(RESERVATION) - optional
    assert decode_reservation(item) == bare


def test_a_record_is_in_the_index_exactly_while_its_status_is_unsettled() -> None:
    settled = decode(encode_reservation(reservation(status=Status.PROVISIONED)))

    assert "unsettled" not in settled
    assert "unsettled_since" not in settled


def test_a_run_at_the_first_position_is_kept() -> None:
    first = reservation(runs=(Run(Placement("pod1", 0, 3), b"tag-01"),))

    assert decode_reservation(decode(encode_reservation(first))) == first


def test_a_run_of_a_version_without_bookings_is_owned_by_the_holder_tag() -> None:
    item = decode(encode_reservation(reservation(life=b"lifetime", revision=7)))

    assert "tag" not in item
    assert decode_reservation(item).runs == (Run(Placement("pod1", 2, 3), holder_tag(RESERVATION_ID)),)


RUN_AT_2, RUN_AT_4 = b"run--2".hex(), b"run--4".hex()


@pytest.mark.parametrize(
    ("owned", "stored"),
    [
        ({"runs": [(2, 1), (4, 1)]}, {"runs": [[2, 1, RUN_AT_2], [4, 1, RUN_AT_4]]}),
        ({"runs": [(2, 2)]}, {"runs": [[2, 2, RUN_AT_2]]}),
        (
            {"runs": [(2, 2)], "leaving": [(4, 1)]},
            {"runs": [[2, 2, RUN_AT_2]], "leaving": [[4, 1, RUN_AT_4]]},
        ),
        ({"leaving": [(2, 3)]}, {"leaving": [[2, 3, RUN_AT_2]]}),
    ],
)
def test_runs_of_a_reservation_that_released_units(
    owned: dict[str, list[tuple[int, int]]], stored: dict[str, list[list[object]]]
) -> None:
    changes = {
        name: tuple(Run(Placement("pod1", start, count), b"run--%d" % start) for start, count in runs)
        for name, runs in owned.items()
    }
    left = reservation(**{"runs": (), **changes})
    item = decode(encode_reservation(left))

    names = ("pod", "start", "tag", "runs", "leaving")
    assert {name: item[name] for name in names if name in item} == {"pod": "pod1", **stored}
    assert decode_reservation(item) == left


def test_a_reservation_that_has_released_everything_has_no_pod() -> None:
    none = reservation(runs=(), status=Status.PROVISIONED, unsettled_since=None)

    assert "pod" not in encode_reservation(none)
    assert decode_reservation(decode(encode_reservation(none))) == none


def test_a_tombstone_of_a_reservation() -> None:
    item = decode(encode_tombstone(keys.reservation(ORGANIZATION, RESERVATION_ID), "f" * 32, 1_000))

    assert item == {
        "pk": f"ORG#{ORGANIZATION}",
        "sk": f"RESERVATION#{RESERVATION_ID}",
        "status": "gone",
        "fingerprint": "f" * 32,
        "ttl_sweep_at": 1_000 + 86_400,
    }
    assert is_tombstone(item)
    assert not is_tombstone(RESERVATION)


def test_a_quota() -> None:
    item = {"pk": f"ORG#{ORGANIZATION}", "sk": "QUOTA#GB300", "limit": 7, "used": 3}

    assert decode_quota(item) == Quota(ORGANIZATION, "GB300", limit=7, used=3)


CLAIM = {
    "status": "STATUS_CREATING",
    "instance_count": 5,
    "allocations": '[["zürich","g.1",[["pod1",[2,3,4,8]],["pod2",[0,1]]]]]',
    "conditions": '[["Allocated","zürich","True","Allocated","a message",1780000000]]',
    "created_millisecond": 123,
    "supplied": True,
    "counted": True,
    "revision": 6,
    "attempt": 2,
}


def test_a_capacity_claim() -> None:
    claim = record(
        5,
        Allocation("zürich", "g.1", "pod1", 2, 3),
        Allocation("zürich", "g.1", "pod1", 4, 8),
        Allocation("zürich", "g.1", "pod2", 0, 1),
        zones=("zürich",),
        conditions=(Condition("Allocated", "zürich", "True", "Allocated", "a message", 1_780_000_000),),
        created_millisecond=123,
        supplied=True,
        counted=True,
        revision=6,
        attempt=2,
    )
    item = decode(encode_claim(claim))

    assert {name: item[name] for name in CLAIM} == CLAIM
    assert set(item) - set(CLAIM) == {
        *("pk", "sk", "name", "instance_id", "zones", "capacity_type", "created_at", "created_by"),
        *("updated_at", "fingerprint", "schema", "held"),
    }
    assert decode_claim(item) == claim


def test_a_claim_over_several_zones_is_listed_apart_and_one_of_a_single_zone_under_it() -> None:
    zone = "uk-lon-1"
    claim = record(5, zones=(zone,))
    shard = int(claim.tag, 16) % 4
    elsewhere = (Allocation("us-tex-1", "g", "pod1", 0, 1),)

    assert decode(encode_claim(claim))["held"] == f"{zone}#{shard}"
    assert decode(encode_claim(replace(claim, zones=(zone, "us-tex-1"))))["held"] == f"*#{shard}"
    # It is to give back what it has in a zone that it no longer asks for.
    assert decode(encode_claim(replace(claim, allocations=elsewhere)))["held"] == f"*#{shard}"


def test_the_owned_hosts_of_a_claim_are_read_in_order_of_domain_in_whatever_order_they_are_stored() -> None:
    item = decode(encode_claim(record(5)))
    item["allocations"] = '[["b","g",[["pod2",[7,1,0,1]],["pod1",[2,3]]]],["a","g",[["pod9",[5,1]]]]]'

    owned = [(a.zone, a.pod_id, a.position) for a in decode_claim(item).allocations]
    assert owned == [("a", "pod9", 5), ("b", "pod1", 2), ("b", "pod2", 0), ("b", "pod2", 7)]


def test_absent_fields_of_a_capacity_claim_are_not_stored() -> None:
    bare = record(5, created_millisecond=0, supplied=False, counted=False)
    item = decode(encode_claim(bare))

    assert not {"created_millisecond", "supplied", "counted", "unsettled", "unsettled_since"} & set(item)
    assert decode_claim(item) == bare


def test_an_unsettled_capacity_claim_is_in_the_shard_of_its_tag() -> None:
    claim = record(5, unsettled_since=77)
    item = decode(encode_claim(claim))

    assert (item["unsettled"], item["unsettled_since"]) == (str(int(claim.tag, 16) % 8), 77)
    assert decode_claim(item) == claim


def test_a_tombstone_of_a_capacity_claim() -> None:
    claim = record(5, fingerprint="e" * 32)

    key = keys.capacity_claim(claim.organization_id, claim.id)

    assert decode(encode_tombstone(key, claim.fingerprint, 1_000)) == {
        "pk": f"ORG#{claim.organization_id}",
        "sk": f"CLAIM#{claim.id}",
        "status": "gone",
        "fingerprint": "e" * 32,
        "ttl_sweep_at": 1_000 + 86_400,
    }

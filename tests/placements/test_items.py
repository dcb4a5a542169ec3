"""Placements as items: each field is stored, and what was not sent stays absent."""

from __future__ import annotations

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.placement.servers import Policy, Readiness
from gpu_capacity.placements.items import decode_placement, encode_placement
from gpu_capacity.placements.moves import Condemned, Leaving, Moved
from gpu_capacity.placements.record import (
    Constraints,
    Networking,
    PlacementStatus,
    StrategyType,
    Unsatisfiable,
    UpdateStrategy,
)
from testkit.placements import PLACEMENT_ID, placement
from testkit.world import GB300, ORGANIZATION, PROJECT, REGION

FULL = placement(
    description="",
    tags=(Tag("team", "é"),),
    constraints=Constraints(Policy.SPREAD, 1, 2, Unsatisfiable.BEST_EFFORT),
    readiness=Readiness.REQUIRE,
    networking=Networking((), public_ip=False, security_groups=("sg-1",)),
    ssh_certificate_authority_id="ca-1",
    user_data=b"#cloud-config\x00",
    strategy=UpdateStrategy(StrategyType.ROLLING_UPDATE, rolling_update=True, max_unavailable="25%"),
    generation=3,
    seats=((2, 0), (2, 2), (3, 1), (3, 0)),
    moved=(Moved(2, "host-9", 1, 1_780_000_800, served=True),),
    leaving=(Leaving(2, 2, 3, "host-3", "no link", 1_780_000_800),),
    condemned=(Condemned(1, "host-2", "was reported", sets_aside=False),),
    served=2,
    keyed=True,
    counted=True,
    revision=7,
    attempt=2,
    failure="a server failed",
    modified_at=1_780_000_900,
    modified_by="jane.doe@example.com",
    deleted_at=1_780_001_000,
)

STORED = {
    "pk": f"ORG#{ORGANIZATION}",
    "sk": f"PLACEMENT#{PLACEMENT_ID}",
    "status": "pending",
    "project": PROJECT,
    "name": "workers",
    "description": "",
    "tags": [["team", "é"]],
    "reservation": "a61b9d5a-701d-4fea-848d-0e345edf16e9",
    "reservation_life": b"lifetime",
    "region": REGION,
    "flavor": GB300.id,
    "pod": "pod1",
    "network": "b1946ac9-2492-4d23-8a5b-0c3e7d3d1f11",
    "servers": 4,
    "hosts": bytes([1, 0, 2, 0b1101, 0, 3, 1]),
    "policy": "spread",
    "max_skew": 1,
    "min_domains": 2,
    "unsatisfiable": "bestEffort",
    "readiness": "Require",
    "image": "ubuntu-24.04",
    "generation": 3,
    "seats": bytes([0, 2, 0, 0, 2, 2, 0, 3, 1, 0, 3, 0]),
    "moved": [[2, "host-9", 1, 1_780_000_800, True]],
    "leaving": [[2, 2, 3, "host-3", "no link", 1_780_000_800]],
    "condemned": [[1, "host-2", "was reported", False]],
    "served": 2,
    "networking": {"sources": [], "public_ip": False, "groups": ["sg-1"]},
    "ssh_authority": "ca-1",
    "user_data": b"#cloud-config\x00",
    "strategy": "RollingUpdate",
    "rolling_update": True,
    "max_unavailable": "25%",
    "created_at": 1_780_000_000,
    "created_by": "john.doe@example.com",
    "modified_at": 1_780_000_900,
    "modified_by": "jane.doe@example.com",
    "deleted_at": 1_780_001_000,
    "fingerprint": "f" * 32,
    "keyed": True,
    "counted": True,
    "attempt": 2,
    "failure": "a server failed",
    "unsettled": keys.unsettled_shard(PLACEMENT_ID),
    "unsettled_since": 1_780_000_000,
    "held": keys.held_partition(["uk-lon-1"], PLACEMENT_ID),
    "schema": 1,
    "life": b"life-one",
    "revision": 7,
}


def test_a_placement_with_every_field() -> None:
    assert decode(encode_placement(FULL)) == STORED
    assert decode_placement(STORED) == FULL


def test_what_was_not_sent_is_not_stored() -> None:
    item = decode(encode_placement(placement(status=PlacementStatus.PROVISIONED, unsettled_since=None)))
    optional = {
        *("description", "tags", "max_skew", "min_domains", "unsatisfiable", "readiness", "networking"),
        *("ssh_authority", "user_data", "rolling_update", "max_unavailable", "modified_at", "modified_by"),
        *("deleted_at", "keyed", "counted", "failure", "unsettled", "unsettled_since"),
        *("seats", "moved", "leaving", "condemned"),
    }

    assert set(item) == set(STORED) - optional
    assert decode_placement(item) == placement(status=PlacementStatus.PROVISIONED, unsettled_since=None)


def test_a_record_of_a_version_that_moved_no_servers_had_all_of_them_up_once_it_was_provisioned() -> None:
    item = decode(encode_placement(placement(status=PlacementStatus.PROVISIONED, generation=4)))
    del item["served"]
    assert decode_placement(item).served == 4
    assert decode_placement(item | {"status": "provisioning"}).served == 0


def test_networking_keeps_what_is_empty_apart_from_what_is_absent() -> None:
    for networking in (None, Networking(), Networking(()), Networking(public_ip=True)):
        assert decode_placement(decode(encode_placement(placement(networking=networking)))) == placement(
            networking=networking
        )

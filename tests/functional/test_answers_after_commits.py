"""Committed writes are answered with success, whatever values the tables have.

The planted values are ones that no request may have, as an earlier release with other rules could have left
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from testkit.handlers import arrangements as given
from testkit.handlers import claim_stage, vm_stage
from testkit.handlers.claim_stage import CLAIM_ID, ClaimStage
from testkit.handlers.sample_events import SAMPLE_ID
from testkit.handlers.stage import Stage
from testkit.handlers.vm_stage import SAMPLE_VM
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key

FAR_FUTURE = 10**15
LONG_AGO = -(10**15)


def plant(stage: Stage, table: str, key: Key, **values: Any) -> None:
    """Put values into an existing item."""
    item = stage.db.get_item(TableName=table, Key=key)["Item"]
    stage.db.put_item(TableName=table, Item=item | encode(values))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> ClaimStage:
    return ClaimStage(monkeypatch)


@pytest.fixture
def vms(monkeypatch: pytest.MonkeyPatch) -> vm_stage.Stage:
    return vm_stage.Stage(monkeypatch)


@pytest.mark.parametrize(
    ("observed_at", "shown"), [(FAR_FUTURE, "9999-12-31T23:59:59Z"), (LONG_AGO, "0001-01-01T00:00:00Z")]
)
def test_a_reservation_is_returned_whenever_its_region_was_observed(
    stage: Stage, observed_at: int, shown: str
) -> None:
    given.sample(stage)
    for region_id in given.SMALL_REGIONS:
        plant(stage, INVENTORY, keys.region(region_id), observed_at=observed_at)
    stage.restart()

    created = stage.request_event("create_reservation", "accepted_with_idempotency_key")
    repeated = stage.request_event("create_reservation", "accepted_with_idempotency_key")
    read = stage.request_event("get_reservation", "found")

    assert [created.status, repeated.status, read.status] == [202, 202, 200]
    assert {a.json["status"]["topologyObservedAt"] for a in (created, repeated, read)} == {shown}


def test_a_reservation_is_returned_whatever_its_record_contains(stage: Stage) -> None:
    given.reserved(stage)
    record = {
        "name": "-" * 5000,
        "created_at": FAR_FUTURE,
        "tags": [["twice", "a"], ["twice", "b"]],
        "units": 0,
    }
    plant(stage, HOLDERS, keys.reservation(ORGANIZATION, SAMPLE_ID), **record)

    answer = stage.request_event("get_reservation", "found")

    assert (answer.status, answer.json["metadata"]["name"]) == (200, "-" * 5000)


@pytest.mark.parametrize(
    ("function", "case"),
    [
        ("create_capacity_claim", "full"),
        ("update_capacity_claim", "shrunk"),
        ("get_capacity_claim", "found"),
        ("delete_capacity_claim", "accepted"),
    ],
)
def test_a_capacity_claim_is_returned_whatever_its_record_contains(
    claims: ClaimStage, function: str, case: str
) -> None:
    claim_stage.claimed(claims)
    plant(claims, HOLDERS, keys.capacity_claim(ORGANIZATION, CLAIM_ID), created_at=LONG_AGO, name="n" * 5000)

    answer = claims.request_event(function, case)

    assert answer.status == 200, answer
    assert answer.json["capacityClaim"]["status"]["createdAt"] == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(("function", "case"), [("get_vm", "found"), ("destroy_vm", "found")])
def test_a_vm_is_returned_whatever_its_record_contains(vms: vm_stage.Stage, function: str, case: str) -> None:
    vms.with_vm()
    plant(vms, HOLDERS, keys.vm(ORGANIZATION, SAMPLE_VM), created_at=FAR_FUTURE, instance_label="n" * 5000)

    answer = vms.request_event(function, case)

    assert answer.status == 200, answer
    assert answer.json["created_at"] == "9999-12-31T23:59:59Z"

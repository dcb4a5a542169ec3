"""Every record names its schema version, so that an earlier release skips records it cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.store import CLAIMS
from gpu_capacity.dynamodb.client import decode, encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import UnreadableItem
from gpu_capacity.holders.store import HolderStore, Kind
from gpu_capacity.reservations.store import RESERVATIONS
from gpu_capacity.vms.store import VMS
from testkit.claims import record
from testkit.reservations import reservation
from testkit.vms.record import VM
from testkit.world import HOLDERS

if TYPE_CHECKING:
    from testkit.dynamodb import MemoryDynamoDB

KINDS: dict[str, tuple[Kind[Any], Any]] = {
    "reservation": (RESERVATIONS, reservation()),
    "claim": (CLAIMS, record(1)),
    "vm": (VMS, VM),
}


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest) -> tuple[Kind[Any], Any, dict[str, Any]]:
    kind, holder = KINDS[request.param]
    return kind, holder, decode(kind.encode(holder))


def test_records_are_written_with_the_current_schema_version(
    stored: tuple[Kind[Any], Any, dict[str, Any]],
) -> None:
    assert stored[2]["schema"] == 1


def test_a_record_without_a_schema_version_is_read_as_the_first_version(
    stored: tuple[Kind[Any], Any, dict[str, Any]],
) -> None:
    kind, holder, item = stored
    del item["schema"]
    assert kind.decode(item) == holder


def test_a_record_of_a_later_schema_version_is_left_out_of_lists_and_named_when_read_by_id(
    stored: tuple[Kind[Any], Any, dict[str, Any]], db: MemoryDynamoDB
) -> None:
    kind, holder, item = stored
    db.put_item(TableName=HOLDERS, Item=encode(item | {"schema": 2}))
    reported: list[UnreadableItem] = []
    store = HolderStore(Database(db, unreadable=reported.append), HOLDERS, kind)

    assert list(store.of_organization(holder.organization_id)) == []
    assert [error.key for error in reported] == [(item["pk"], item["sk"])]
    with pytest.raises(UnreadableItem):
        store.get(holder.organization_id, holder.id)

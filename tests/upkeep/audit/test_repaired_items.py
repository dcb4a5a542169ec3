"""The items that each repair leaves behind."""

from __future__ import annotations

from typing import Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.upkeep.audit.writes import actions_for
from testkit.claims import LONDON
from testkit.items import STAMP_BYTES, without_stamps
from testkit.world import HOLDERS, INSTANCE_TYPE, INVENTORY, ORGANIZATION
from tests.upkeep.audit.test_writes import (
    CLAIM,
    CLAIM_KEY,
    ENTRY,
    LISTING,
    NAME,
    NODE_POD,
    NOW,
    ON_ROSTER,
    POD,
    QUOTA,
    RESERVATION_KEY,
    STRANGER,
    TABLES,
    TAG,
    VM_KEY,
    database_of,
    repairs,
)


def _after(name: str, table: str, key: keys.Key) -> dict[str, Any]:
    case = repairs()[name]
    db = database_of(case)
    Database(db).commit(*actions_for(case.repair, TABLES, NOW))
    item: dict[str, Any] = db.get_item(TableName=table, Key=key).get("Item", {})
    return item


def test_a_release_keeps_what_others_own() -> None:
    assert _after("release a part", INVENTORY, POD)["d2"] == {"M": {STRANGER: {"N": "2"}}}
    assert "d2" not in without_stamps(_after("release all", INVENTORY, POD))
    assert "d0" not in without_stamps(_after("release GPUs", INVENTORY, NODE_POD))


def test_a_release_leaves_a_stamp_on_a_domain_without_owners() -> None:
    assert len(_after("release all", INVENTORY, POD)["d2"]["B"]) == STAMP_BYTES
    assert len(_after("release GPUs", INVENTORY, NODE_POD)["d0"]["B"]) == STAMP_BYTES


def test_a_mark_is_added_beside_what_others_own() -> None:
    assert _after("mark a part", INVENTORY, POD)["d2"] == {"M": {STRANGER: {"N": "2"}, TAG: {"N": "4"}}}
    assert _after("mark all", INVENTORY, POD)["d2"] == {"B": bytes.fromhex(TAG)}


def test_the_repaired_item_has_the_values_that_the_audit_reported() -> None:
    assert _after("set a hash", HOLDERS, RESERVATION_KEY)["hash"] == {"S": "sha256:1"}
    assert _after("set used", HOLDERS, QUOTA)["used"] == {"N": "3"}
    assert _after("set used", HOLDERS, QUOTA)["limit"] == {"N": "10"}
    assert _after("drop a name", HOLDERS, NAME) == {}
    assert _after("register", HOLDERS, NAME)["claim"] == {"S": CLAIM.id}
    assert _after("list a key", HOLDERS, LISTING)["created_at"] == {"N": "7"}
    assert _after("unlist a key", HOLDERS, LISTING) == {}
    assert _after("remove an entry", HOLDERS, ON_ROSTER) == {}
    assert _after("add an entry", HOLDERS, ON_ROSTER)["status"] == {"S": "running"}


def test_a_claim_put_back_into_its_queue_counts_as_returned() -> None:
    entry = _after("enqueue", HOLDERS, ENTRY)

    assert (entry["organization"], entry["claim"]) == ({"S": ORGANIZATION}, {"S": CLAIM.id})
    returns = keys.queue_returns(LONDON, INSTANCE_TYPE)
    assert _after("enqueue", HOLDERS, returns)["comebacks"] == {"N": "1"}


def test_a_repaired_record_gets_a_new_revision() -> None:
    indexed = _after("index a VM", HOLDERS, VM_KEY)
    stays = _after("take a notice back", HOLDERS, VM_KEY)
    error = _after("index what holds nothing", HOLDERS, RESERVATION_KEY)

    assert (indexed["unsettled"], indexed["unsettled_since"]) == ({"S": "5"}, {"N": str(NOW)})
    assert indexed["revision"] == stays["revision"] == {"N": "1"}
    claim = _after("index a claim", HOLDERS, CLAIM_KEY)
    assert int(claim["revision"]["N"]) == CLAIM.revision + 1
    assert not {"preempt_at", "preempted_by"} & stays.keys()
    assert (error["unsettled"], error["unsettled_since"]) == ({"S": "5"}, {"N": str(NOW)})
    assert error["revision"] == {"N": "1"}
    assert _after("set a hash", HOLDERS, RESERVATION_KEY)["revision"] == {"N": "1"}

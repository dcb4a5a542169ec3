"""Conditions of a VM's writes, one at a time, and how the store resolves their outcomes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database, Refused
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.store import RECORD
from gpu_capacity.vms.items import encode_vm
from gpu_capacity.vms.record import Vm, VmStatus
from gpu_capacity.vms.store import VmStore
from gpu_capacity.vms.writes import beside_change, beside_new, change_gpus
from testkit.dynamodb import (
    MemoryDynamoDB,
    internal_error,
    throttled,
    timeout_after,
    timeout_before,
    transaction_conflict,
)
from testkit.vms.record import OTHER
from testkit.vms.record import VM as ONE
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION

if TYPE_CHECKING:
    from testkit.doubles import RecordedPause

WRITE = "transact_write_items"
VM = replace(ONE, life=b"its life")
SENDS = 12
"""As many growing pauses outlast rivals, each of which is in flight for some 20 ms."""
STOPPING = replace(VM, status=VmStatus.STOPPING)
ENDED = replace(VM, status=VmStatus.DESTROYED, gpus=0)
OVER = replace(ENDED, expires_at=10**10)
ORPHAN = replace(VM, id=OTHER[1], node="vm02")


def items(outcome: Vm | Refused | None) -> dict[str, Any]:
    """The labels of the writes that refused."""
    return outcome.items if isinstance(outcome, Refused) else {}


def stands(outcome: Vm | Refused | None) -> bool:
    return not isinstance(outcome, Refused)


@pytest.fixture
def store(db: MemoryDynamoDB, pause: RecordedPause) -> VmStore:
    return VmStore(Database(db, pause=pause), HOLDERS)


def _record(db: MemoryDynamoDB, vm: Vm = VM) -> dict[str, Any]:
    item: dict[str, Any] = db.get_item(TableName=HOLDERS, Key=keys.vm(*vm.key))["Item"]
    return item


# Conditions.


def test_a_new_vm_is_found_and_is_on_the_roster_of_its_node(store: VmStore) -> None:
    assert stands(store.add(VM, [], None))
    assert store.get(*VM.key) == VM
    assert store.by_key([VM.key, OTHER]) == {VM.key: VM}
    assert [entry.key for entry in store.roster("vm01")] == [VM.key]
    assert store.roster("vm02") == []


def test_a_second_vm_under_one_id_is_refused_and_returns_the_first(
    store: VmStore, db: MemoryDynamoDB
) -> None:
    store.add(VM, [], None)
    before = db.dump()

    outcome = store.add(replace(VM, subject="somebody else"), [], None)

    assert items(outcome)[RECORD]["subject"] == "user-1"
    assert db.dump() == before


def test_each_change_writes_the_next_revision(store: VmStore) -> None:
    store.add(replace(VM, revision=4), [], None)

    assert stands(store.update([(replace(VM, revision=4), STOPPING)]))
    assert store.get(*VM.key) == replace(STOPPING, revision=5)


@pytest.mark.parametrize("revision", [3, 5])
def test_a_change_requires_the_revision_that_was_read(store: VmStore, revision: int) -> None:
    store.add(replace(VM, revision=4), [], None)

    assert set(items(store.update([(replace(VM, revision=revision), STOPPING)]))) == {RECORD}
    assert store.get(*VM.key) == replace(VM, revision=4)


def test_a_change_requires_the_status_that_was_read(store: VmStore) -> None:
    store.add(STOPPING, [], None)

    assert set(items(store.update([(VM, STOPPING)]))) == {RECORD}


def test_an_absent_record_cannot_be_changed(store: VmStore, db: MemoryDynamoDB) -> None:
    before = db.dump()

    assert items(store.update([(VM, STOPPING)])) == {RECORD: None}
    assert db.dump() == before


def test_a_status_change_that_is_not_in_the_table_cannot_be_built(store: VmStore) -> None:
    wrong = (VM, replace(VM, status=VmStatus.STARTING))
    with pytest.raises(ValueError, match="never from running to starting"):
        store.update([wrong])
    with pytest.raises(ValueError, match="never from running to starting"):
        store.add(ORPHAN, [wrong], None)


def test_other_vms_change_with_a_new_vm_or_nothing_does(store: VmStore) -> None:
    store.add(VM, [], None)
    shown = replace(VM, preempt_at=9, preempted_by=OTHER)

    assert not stands(store.add(ORPHAN, [(replace(VM, revision=1), shown)], None))
    assert store.get(*ORPHAN.key) is None
    assert stands(store.add(ORPHAN, [(VM, shown)], None))
    assert store.get(*VM.key) == replace(shown, revision=1)


def test_gpus_and_record_change_together_or_neither_does(store: VmStore, db: MemoryDynamoDB) -> None:
    pod = keys.owners(*VM.pod)
    db.put_item(TableName=INVENTORY, Item=pod | encode({"v": 7}))
    take = change_gpus(INVENTORY, (VM.pod, 0), (None, {VM.tag: VM.gpus}), 7, b"fresh!")
    stale = change_gpus(INVENTORY, (VM.pod, 0), (None, {VM.tag: VM.gpus}), 6, b"fresh!")

    assert set(items(store.add(VM, [], stale))) == {stale.label}
    assert store.get(*VM.key) is None
    assert stands(store.add(VM, [], take))
    assert set(items(store.update([(VM, STOPPING)], take))) == {take.label}
    assert store.get(*VM.key) == VM
    [item] = db.table(INVENTORY).items()
    assert item["d0"] == {"M": {VM.tag: {"N": str(VM.gpus)}}}


# The roster.


def _sent(before: Vm | None, after: Vm) -> list[str]:
    writes = beside_new(HOLDERS, after, {}) if before is None else beside_change(HOLDERS, before, after)
    return [f"{type(write).__name__} {write.label}" for write in writes]


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        (None, VM, [f"Put roster:{VM.id}", f"Put listing:{VM.id}"]),
        (VM, STOPPING, [f"Put roster:{VM.id}"]),
        (VM, replace(VM, attempt=3), []),
        (VM, replace(VM, status=VmStatus.DESTROYED, gpus=0), [f"Delete roster:{VM.id}"]),
        (replace(VM, status=VmStatus.DESTROYED, gpus=0),) * 2 + ([],),
        (ENDED, OVER, [f"Delete live:{VM.id}", f"Put listing:{VM.id}"]),
        (OVER, OVER, []),
    ],
    ids=["new", "moves", "stays", "ends", "has ended", "is over", "was over"],
)
def test_roster_and_list_are_written_only_if_they_change(
    before: Vm | None, after: Vm, writes: list[str]
) -> None:
    assert _sent(before, after) == writes


def test_an_entry_is_removed_with_its_vm(store: VmStore) -> None:
    store.add(VM, [], None)
    store.add(ORPHAN, [], None)
    store.update([(VM, replace(VM, status=VmStatus.DESTROYED, gpus=0))])

    assert [entry.vm_id for entry in store.roster()] == [ORPHAN.id]
    assert store.get(*VM.key) is not None


def test_vms_of_a_node_are_in_order_of_age_and_then_of_id(store: VmStore) -> None:
    for first, created_at in (("c", 5), ("b", 5), ("a", 9), ("d", 2)):
        store.add(replace(VM, id=first + VM.id[1:], created_at=created_at), [], None)
    store.add(replace(ORPHAN, node="vm011"), [], None)

    assert [vm.id[0] for vm in store.of_node("vm01")] == ["d", "b", "c", "a"]
    assert [entry.vm_id[0] for entry in store.roster("vm01")] == ["d", "b", "c", "a"]
    assert [vm.id[0] for vm in store.of_organization(ORGANIZATION)] == ["a", "b", "c", "d", "e"]


def test_the_index_lists_vms_unsettled_since_a_time_or_earlier(store: VmStore) -> None:
    store.add(replace(VM, unsettled_since=5), [], None)
    store.add(ORPHAN, [], None)

    assert list(store.unsettled(5)) == [VM.key]
    assert list(store.unsettled(4)) == []


# Outcomes.


def test_a_conflict_is_retried_with_the_same_write(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, transaction_conflict(3, 0), times=SENDS - 1)

    assert stands(store.add(VM, [], None))
    assert pause.attempts == list(range(SENDS - 1))


def test_conflicts_that_do_not_end_are_given_up(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, transaction_conflict(3, 0), times=None)

    with pytest.raises(StorageUnavailable, match="rival transactions did not end") as caught:
        store.add(VM, [], None)
    assert not caught.value.outcome_unknown
    assert pause.attempts == list(range(SENDS))


def test_a_throttled_write_is_retried_and_finally_refused(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, throttled(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        store.add(VM, [], None)
    assert not caught.value.outcome_unknown
    assert pause.attempts == list(range(SENDS))


@pytest.mark.parametrize("lost", [timeout_after(), internal_error()], ids=["timeout", "internal error"])
def test_a_vm_recorded_by_a_write_that_timed_out_counts_as_created(
    store: VmStore, db: MemoryDynamoDB, lost: Any
) -> None:
    db.after(WRITE, lost)

    assert stands(store.add(VM, [], None))
    assert store.get(*VM.key) == VM


def test_a_change_by_a_write_that_timed_out_is_applied_once(store: VmStore, db: MemoryDynamoDB) -> None:
    store.add(VM, [], None)
    db.after(WRITE, timeout_after())

    assert stands(store.update([(VM, STOPPING)]))
    assert store.get(*VM.key) == replace(STOPPING, revision=1)


def test_a_change_that_did_not_arrive_is_not_confused_with_a_concurrent_one(
    store: VmStore, db: MemoryDynamoDB
) -> None:
    store.add(VM, [], None)
    rival = replace(VM, instance_label="renamed", revision=1)
    db.before(WRITE, timeout_before())
    db.before(WRITE, lambda _, __: db.put_item(TableName=HOLDERS, Item=encode_vm(rival)))

    assert set(items(store.update([(VM, STOPPING)]))) == {RECORD}
    assert store.get(*VM.key) == rival


def test_a_refusal_without_a_timeout_is_a_refusal_although_the_record_looks_the_same(
    store: VmStore, db: MemoryDynamoDB
) -> None:
    """One event is delivered twice: the second delivery did not write the record."""
    store.add(VM, [], None)
    assert stands(store.update([(VM, STOPPING)]))

    assert not stands(store.update([(VM, STOPPING)]))
    assert _record(db)["revision"] == {"N": "1"}


def test_an_outcome_that_stays_unknown_is_reported_as_unknown(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, timeout_before(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        store.add(VM, [], None)
    assert caught.value.outcome_unknown
    assert pause.attempts == list(range(SENDS))

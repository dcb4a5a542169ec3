"""What a VM's writes demand, one thing at a time, and how the store tells how they ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.vm_items import encode_vm
from gpu_capacity.dynamodb.vm_store import VmStore
from gpu_capacity.dynamodb.vm_writes import VM_LABEL, change_gpus, change_writes, create_writes
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.vm import Vm, VmStatus
from testkit.dynamodb import (
    MemoryDynamoDB,
    internal_error,
    throttled,
    timeout_after,
    timeout_before,
    transaction_conflict,
)
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION
from tests.audit.test_vm_rules import OTHER, VM

if TYPE_CHECKING:
    from testkit.doubles import RecordedPause

WRITE = "transact_write_items"
LABEL = VM_LABEL + VM.id
SENDS = 12
"""As many growing pauses outlast rivals, each of which is in flight for some 20 ms."""
STOPPING = replace(VM, status=VmStatus.STOPPING)
ENDED = replace(VM, status=VmStatus.DESTROYED, gpus=0)
OVER = replace(ENDED, expires_at=10**10)
ORPHAN = replace(VM, id=OTHER[1], node="vm02")


@pytest.fixture
def store(db: MemoryDynamoDB, pause: RecordedPause) -> VmStore:
    return VmStore(Database(db), HOLDERS, pause)


def _record(db: MemoryDynamoDB, vm: Vm = VM) -> dict[str, Any]:
    item: dict[str, Any] = db.get_item(TableName=HOLDERS, Key=keys.vm(*vm.key))["Item"]
    return item


# What is demanded.


def test_a_new_vm_is_found_and_on_the_roster_of_its_node(store: VmStore) -> None:
    assert store.create(VM, [], None).stands
    assert store.get(VM.key) == VM
    assert store.many([VM.key, OTHER]) == {VM.key: VM}
    assert [entry.key for entry in store.roster("vm01")] == [VM.key]
    assert store.roster("vm02") == []


def test_a_second_vm_under_one_id_is_refused_and_brings_the_first(store: VmStore, db: MemoryDynamoDB) -> None:
    store.create(VM, [], None)
    before = db.dump()

    outcome = store.create(replace(VM, subject="somebody else"), [], None)

    assert not outcome.stands
    assert [item and item["subject"] for item in outcome.refused.values()] == ["user-1"]
    assert outcome.refused.keys() == {LABEL} == {f"vm:{VM.id}"}
    assert db.dump() == before


def test_each_change_is_written_under_the_next_revision(store: VmStore) -> None:
    store.create(replace(VM, revision=4), [], None)

    assert store.change([(replace(VM, revision=4), STOPPING)]).stands
    assert store.get(VM.key) == replace(STOPPING, revision=5)


@pytest.mark.parametrize("revision", [3, 5])
def test_only_the_revision_that_was_read_is_changed(store: VmStore, revision: int) -> None:
    store.create(replace(VM, revision=4), [], None)

    assert store.change([(replace(VM, revision=revision), STOPPING)]).refused.keys() == {LABEL}
    assert store.get(VM.key) == replace(VM, revision=4)


def test_only_the_status_that_was_read_is_changed(store: VmStore) -> None:
    store.create(STOPPING, [], None)

    assert store.change([(VM, STOPPING)]).refused.keys() == {LABEL}


def test_a_record_that_is_not_there_cannot_be_changed(store: VmStore, db: MemoryDynamoDB) -> None:
    before = db.dump()

    assert store.change([(VM, STOPPING)]).refused == {LABEL: None}
    assert db.dump() == before


def test_a_move_that_no_vm_makes_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="never goes from running to starting"):
        list(change_writes(HOLDERS, VM, replace(VM, status=VmStatus.STARTING)))


def test_others_change_with_a_new_vm_or_nothing_does(store: VmStore) -> None:
    store.create(VM, [], None)
    told = replace(VM, preempt_at=9, preempted_by=OTHER)

    assert not store.create(ORPHAN, [(replace(VM, revision=1), told)], None).stands
    assert store.get(ORPHAN.key) is None
    assert store.create(ORPHAN, [(VM, told)], None).stands
    assert store.get(VM.key) == replace(told, revision=1)


def test_gpus_and_record_change_together_or_neither_does(store: VmStore, db: MemoryDynamoDB) -> None:
    pod = keys.claims(*VM.pod)
    db.put_item(TableName=INVENTORY, Item=pod | encode({"v": 7}))
    take = change_gpus(INVENTORY, (VM.pod, 0), (None, {VM.tag: VM.gpus}), 7, b"fresh!")
    stale = change_gpus(INVENTORY, (VM.pod, 0), (None, {VM.tag: VM.gpus}), 6, b"fresh!")

    assert store.create(VM, [], stale).refused.keys() == {stale.label}
    assert store.get(VM.key) is None
    assert store.create(VM, [], take).stands
    assert store.change([(VM, STOPPING)], take).refused.keys() == {take.label}
    assert store.get(VM.key) == VM
    [item] = db.table(INVENTORY).items()
    assert item["d0"] == {"M": {VM.tag: {"N": str(VM.gpus)}}}


# The roster.


def _sent(before: Vm | None, after: Vm) -> list[str]:
    writes = create_writes(HOLDERS, after, {}) if before is None else change_writes(HOLDERS, before, after)
    return [f"{type(write).__name__} {write.label}" for write in writes]


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        (None, VM, [f"Put vm:{VM.id}", f"Put roster:{VM.id}", f"Put listing:{VM.id}"]),
        (VM, STOPPING, [f"Put vm:{VM.id}", f"Put roster:{VM.id}"]),
        (VM, replace(VM, attempt=3), [f"Put vm:{VM.id}"]),
        (VM, replace(VM, status=VmStatus.DESTROYED, gpus=0), [f"Put vm:{VM.id}", f"Delete roster:{VM.id}"]),
        (replace(VM, status=VmStatus.DESTROYED, gpus=0),) * 2 + ([f"Put vm:{VM.id}"],),
        (ENDED, OVER, [f"Put vm:{VM.id}", f"Delete live:{VM.id}", f"Put listing:{VM.id}"]),
        (OVER, OVER, [f"Put vm:{VM.id}"]),
    ],
    ids=["new", "moves", "stays", "ends", "has ended", "is over", "was over"],
)
def test_roster_and_list_are_written_when_they_would_say_something_else(
    before: Vm | None, after: Vm, writes: list[str]
) -> None:
    assert _sent(before, after) == writes


def test_an_entry_goes_with_what_it_stands_for(store: VmStore) -> None:
    store.create(VM, [], None)
    store.create(ORPHAN, [], None)
    store.change([(VM, replace(VM, status=VmStatus.DESTROYED, gpus=0))])

    assert [entry.vm_id for entry in store.roster()] == [ORPHAN.id]
    assert store.get(VM.key) is not None


def test_vms_of_a_node_come_oldest_first_and_by_id_where_they_are_as_old(store: VmStore) -> None:
    for first, created_at in (("c", 5), ("b", 5), ("a", 9), ("d", 2)):
        store.create(replace(VM, id=first + VM.id[1:], created_at=created_at), [], None)
    store.create(replace(ORPHAN, node="vm011"), [], None)

    assert [vm.id[0] for vm in store.of_node("vm01")] == ["d", "b", "c", "a"]
    assert [entry.vm_id[0] for entry in store.roster("vm01")] == ["d", "b", "c", "a"]
    assert [vm.id[0] for vm in store.of_organization(ORGANIZATION)] == ["a", "c", "b", "d", "e"]


def test_the_index_lists_vms_that_are_unsettled_since_then_or_before(store: VmStore) -> None:
    store.create(replace(VM, unsettled_since=5), [], None)
    store.create(ORPHAN, [], None)

    assert list(store.unsettled(5)) == [VM.key]
    assert list(store.unsettled(4)) == []


# How it ends.


def test_a_conflict_is_sent_again_as_it_was(store: VmStore, db: MemoryDynamoDB, pause: RecordedPause) -> None:
    db.before(WRITE, transaction_conflict(3, 0), times=SENDS - 1)

    assert store.create(VM, [], None).stands
    assert pause.attempts == list(range(SENDS - 1))


def test_conflicts_that_do_not_end_are_given_up(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, transaction_conflict(3, 0), times=None)

    with pytest.raises(StorageUnavailable, match="rival transactions did not end") as caught:
        store.create(VM, [], None)
    assert not caught.value.outcome_unknown
    assert pause.attempts == list(range(SENDS))


def test_what_was_not_sent_is_refused_at_once(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, throttled(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        store.create(VM, [], None)
    assert not caught.value.outcome_unknown
    assert pause.attempts == []


@pytest.mark.parametrize("lost", [timeout_after(), internal_error()], ids=["timeout", "internal error"])
def test_a_vm_that_was_recorded_unseen_stands(store: VmStore, db: MemoryDynamoDB, lost: Any) -> None:
    db.after(WRITE, lost)

    assert store.create(VM, [], None).stands
    assert store.get(VM.key) == VM


def test_a_change_that_was_written_unseen_stands_and_is_written_once(
    store: VmStore, db: MemoryDynamoDB
) -> None:
    store.create(VM, [], None)
    db.after(WRITE, timeout_after())

    assert store.change([(VM, STOPPING)]).stands
    assert store.get(VM.key) == replace(STOPPING, revision=1)


def test_a_change_that_was_lost_is_not_taken_for_that_of_a_rival(store: VmStore, db: MemoryDynamoDB) -> None:
    store.create(VM, [], None)
    rival = replace(VM, instance_label="renamed", revision=1)
    db.before(WRITE, timeout_before())
    db.before(WRITE, lambda _, __: db.put_item(TableName=HOLDERS, Item=encode_vm(rival)))

    assert store.change([(VM, STOPPING)]).refused.keys() == {LABEL}
    assert store.get(VM.key) == rival


def test_a_refusal_after_all_was_seen_is_a_refusal_though_the_record_looks_the_same(
    store: VmStore, db: MemoryDynamoDB
) -> None:
    """Two deliveries of one event: the second one has not written it."""
    store.create(VM, [], None)
    assert store.change([(VM, STOPPING)]).stands

    assert not store.change([(VM, STOPPING)]).stands
    assert _record(db)["revision"] == {"N": "1"}


def test_an_outcome_that_is_never_told_is_passed_on_as_unknown(
    store: VmStore, db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    db.before(WRITE, timeout_before(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        store.create(VM, [], None)
    assert caught.value.outcome_unknown
    assert pause.attempts == list(range(SENDS))

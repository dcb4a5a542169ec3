"""Conditions of a claim's writes, one at a time, and what the writes leave unchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.store import NAME, ClaimStore, QueueHead
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database, Refused
from gpu_capacity.holders.quota import Quota
from gpu_capacity.holders.quota_store import QUOTA
from gpu_capacity.holders.store import RECORD
from gpu_capacity.holders.tries import Tries
from testkit.claims import CHICAGO, ID, LONDON, owned, record
from testkit.doubles import RecordedPause
from testkit.world import HOLDERS, INSTANCE_TYPE, ORGANIZATION

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from testkit.dynamodb import MemoryDynamoDB

HOLDER = (ORGANIZATION, ID)
LIMIT = Quota(ORGANIZATION, "instances", limit=10, used=0)


@pytest.fixture
def db(db: MemoryDynamoDB) -> MemoryDynamoDB:
    """With a limit that is not used."""
    quota = keys.quota(ORGANIZATION, "instances") | encode({"limit": 10, "used": 0})
    db.put_item(TableName=HOLDERS, Item=quota)
    return db


@pytest.fixture
def store(db: MemoryDynamoDB) -> ClaimStore:
    return ClaimStore(Database(db, pause=RecordedPause()), HOLDERS)


def labels(outcome: CapacityClaim | Refused | None) -> set[str]:
    """The labels of the writes that refused."""
    return set(outcome.items) if isinstance(outcome, Refused) else set()


def _used(db: MemoryDynamoDB) -> int:
    item = db.get_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, "instances"))["Item"]
    return int(item["used"]["N"])


def _sent(db: MemoryDynamoDB) -> list[dict[str, Any]]:
    """The actions of all transactions sent from here on."""
    actions: list[dict[str, Any]] = []
    db.before("transact_write_items", lambda _, p: actions.extend(p["TransactItems"]), times=None)
    return actions


def _waiting(count: int = 3, *, zones: tuple[str, ...] = (LONDON,), **changes: object) -> CapacityClaim:
    return record(count, zones=zones, **changes)


def test_a_new_claim_is_the_first_in_its_queues(store: ClaimStore) -> None:
    claim = _waiting(zones=(LONDON, CHICAGO))

    assert not labels(store.add(claim, None, Tries()))
    assert store.get(ORGANIZATION, ID) == claim
    for zone in (LONDON, CHICAGO):
        assert store.head_of_queue(zone, INSTANCE_TYPE) == QueueHead(HOLDER, returns=0)


def test_a_new_claim_does_not_count_as_returned(store: ClaimStore, db: MemoryDynamoDB) -> None:
    actions = _sent(db)
    store.add(_waiting(), None, Tries())

    assert [next(iter(action)) for action in actions] == ["Put", "Put", "Put"]


def test_a_taken_id_and_a_taken_name_are_reported_by_their_labels(store: ClaimStore) -> None:
    store.add(_waiting(), None, Tries())

    assert labels(store.add(_waiting(), None, Tries())) == {RECORD, NAME} == {"record", "name"}
    other = _waiting(id="1" + ID[1:])
    assert labels(store.add(other, None, Tries())) == {NAME}


def test_a_claim_that_returns_to_its_queue_is_counted_there(store: ClaimStore) -> None:
    full = _waiting(1, zones=(LONDON,), allocations=(owned(LONDON, "a", 0, 1),))
    store.add(full, None, Tries())
    assert store.head_of_queue(LONDON, INSTANCE_TYPE) == QueueHead(None, returns=0)

    grown = replace(full, instance_count=2)
    assert not labels(store.update(full, grown))

    assert store.head_of_queue(LONDON, INSTANCE_TYPE) == QueueHead(HOLDER, returns=1)


def test_a_claim_that_waits_no_more_leaves_its_queue(store: ClaimStore) -> None:
    claim = _waiting(1)
    store.add(claim, None, Tries())

    assert not labels(store.update(claim, replace(claim, allocations=(owned(LONDON, "a", 0, 1),))))
    assert store.head_of_queue(LONDON, INSTANCE_TYPE) == QueueHead(None, returns=0)


def test_a_turn_is_lost_if_another_claim_returned_to_the_queue(store: ClaimStore, db: MemoryDynamoDB) -> None:
    claim = _waiting(2)
    store.add(claim, None, Tries())
    returns = keys.queue_returns(LONDON, INSTANCE_TYPE)
    filled = replace(claim, allocations=(owned(LONDON, "a", 0, 1),))

    db.put_item(TableName=HOLDERS, Item=returns | encode({"comebacks": 3}))
    for seen in (0, 2, 4):
        assert labels(store.update(claim, filled, turns={LONDON: seen})) == {f"returns:{LONDON}"}
    assert not labels(store.update(claim, filled, turns={LONDON: 3}))


def test_a_change_requires_the_revision_that_was_read(store: ClaimStore) -> None:
    claim = _waiting()
    store.add(claim, None, Tries())
    assert not labels(store.update(claim, claim))

    for stale in (claim, replace(claim, revision=claim.revision + 2)):
        assert labels(store.update(stale, stale)) == {RECORD}
    found = store.get(ORGANIZATION, ID)
    assert found is not None
    assert found.revision == claim.revision + 1


@pytest.mark.parametrize("supplied", [True, False])
def test_a_removal_requires_the_revision_that_was_read(store: ClaimStore, *, supplied: bool) -> None:
    claim = _waiting(supplied=supplied)
    store.add(claim, None, Tries())
    store.update(claim, claim)

    assert labels(store.end(claim, 0)) == {RECORD}
    assert not labels(store.end(replace(claim, revision=claim.revision + 1), 0))
    assert store.get(ORGANIZATION, ID) is None


# Quotas.


def test_requested_instances_are_counted_up_to_the_limit(store: ClaimStore, db: MemoryDynamoDB) -> None:
    assert labels(store.add(_waiting(11), LIMIT, Tries())) == {QUOTA} == {"quota"}
    assert not labels(store.add(_waiting(10), LIMIT, Tries()))
    assert _used(db) == 10


def test_a_write_is_refused_if_the_limit_changed(store: ClaimStore) -> None:
    assert labels(store.add(_waiting(1), replace(LIMIT, limit=11), Tries())) == {QUOTA}


def test_only_a_change_of_the_number_is_counted(store: ClaimStore, db: MemoryDynamoDB) -> None:
    claim = _waiting(4, counted=True)
    store.add(claim, LIMIT, Tries())
    actions = _sent(db)

    store.update(claim, replace(claim, attempt=1), quota=LIMIT)
    # The record alone, which needs no transaction.
    assert actions == []
    claim = replace(claim, revision=claim.revision + 1)
    store.update(claim, replace(claim, instance_count=9), quota=LIMIT)
    assert _used(db) == 9


def test_shrinking_is_counted_even_beyond_the_limit(store: ClaimStore, db: MemoryDynamoDB) -> None:
    claim = _waiting(4, counted=True)
    store.add(claim, None, Tries())
    item = keys.quota(ORGANIZATION, "instances") | encode({"limit": 1, "used": 20})
    db.put_item(TableName=HOLDERS, Item=item)

    assert not labels(store.update(claim, replace(claim, instance_count=3), quota=replace(LIMIT, limit=1)))
    assert _used(db) == 19


def test_removing_a_claim_subtracts_its_count_and_never_more_than_there_is(
    store: ClaimStore, db: MemoryDynamoDB
) -> None:
    claim = _waiting(4, counted=True)
    store.add(claim, None, Tries())

    assert labels(store.end(claim, 0)) == {QUOTA}
    item = keys.quota(ORGANIZATION, "instances") | encode({"limit": 10, "used": 4})
    db.put_item(TableName=HOLDERS, Item=item)
    assert not labels(store.end(claim, 0))
    assert _used(db) == 0


def test_counting_an_existing_claim_may_exceed_the_limit_and_marks_the_record(
    store: ClaimStore, db: MemoryDynamoDB
) -> None:
    claim = _waiting(12)
    store.add(claim, None, Tries())

    assert store.count_in(claim, ["instances"])
    found = store.get(ORGANIZATION, ID)
    assert found == replace(claim, counted=True, revision=claim.revision + 1)
    assert _used(db) == 12


def test_counting_an_existing_claim_without_a_quota_is_refused(store: ClaimStore, db: MemoryDynamoDB) -> None:
    claim = _waiting(12)
    store.add(claim, None, Tries())
    db.delete_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, "instances"))

    assert not store.count_in(claim, ["instances"])
    assert store.get(ORGANIZATION, ID) == claim


# Entries of claims that are gone.


def _entry_of(db: MemoryDynamoDB, holder: tuple[str, str], created_ms: int = 5) -> keys.Key:
    key = keys.queued(LONDON, INSTANCE_TYPE, created_ms, holder)
    db.put_item(TableName=HOLDERS, Item=key | encode({"organization": holder[0], "claim": holder[1]}))
    return key


def test_an_entry_of_an_absent_claim_is_removed_and_no_other(store: ClaimStore, db: MemoryDynamoDB) -> None:
    _entry_of(db, HOLDER)
    _entry_of(db, (ORGANIZATION, "other"), 6)

    store.leave_queue(LONDON, INSTANCE_TYPE, HOLDER)

    assert store.head_of_queue(LONDON, INSTANCE_TYPE) == QueueHead((ORGANIZATION, "other"), returns=0)


@pytest.mark.parametrize(("status", "stays"), [("gone", False), ("STATUS_CREATING", True)])
def test_an_entry_is_removed_if_its_claim_is_a_tombstone_and_kept_if_it_exists(
    store: ClaimStore, db: MemoryDynamoDB, status: str, *, stays: bool
) -> None:
    _entry_of(db, HOLDER)
    db.put_item(TableName=HOLDERS, Item=keys.capacity_claim(*HOLDER) | encode({"status": status}))

    store.leave_queue(LONDON, INSTANCE_TYPE, HOLDER)

    assert (store.head_of_queue(LONDON, INSTANCE_TYPE).holder is not None) is stays


def test_in_an_empty_queue_there_is_nothing_to_remove(store: ClaimStore, db: MemoryDynamoDB) -> None:
    before = db.dump()
    store.leave_queue(LONDON, INSTANCE_TYPE, HOLDER)

    assert db.dump() == before

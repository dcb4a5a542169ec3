"""Keys and counters of accounts: the items in the table, and of two concurrent writes only one succeeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_key import ApiKey
from gpu_capacity.accounts.ssh_key import KeyRing, SshKey
from gpu_capacity.accounts.store import AccountStore, decode_api_key, decode_key_ring
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode, encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import AlreadyExists, StorageUnavailable
from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB, item_conflict, transaction_conflict
from testkit.world import HOLDERS, ORGANIZATION

ACCOUNT = Account(ORGANIZATION, "user-1")
FIRST = SshKey("id-1", "laptop", "ssh-ed25519 AAAA", "SHA256:abc", 5)
SECOND = replace(FIRST, id="id-2", label="desktop", created_at=6)
KEY = ApiKey("d" * 64, ORGANIZATION, "user-1", (Scope.READ_ONLY, Scope.BILLING_ONLY), 7, "dashboards", "OW2o")
CALLER = ("organization", "subject")
MINUTE = 29_666_666
SENDS = 8
"""Nobody else writes these items for long."""


@pytest.fixture
def store(db: MemoryDynamoDB) -> AccountStore:
    return AccountStore(Database(db, RecordedPause()), HOLDERS)


# SSH keys.


def test_an_account_without_keys_has_an_empty_ring(store: AccountStore) -> None:
    assert store.key_ring(ACCOUNT) == KeyRing()


def test_all_ssh_keys_of_an_account_are_in_one_item(store: AccountStore, db: MemoryDynamoDB) -> None:
    ring = KeyRing((FIRST, SECOND), 1)

    assert store.change_key_ring(ACCOUNT, KeyRing(), ring)

    [item] = map(decode, db.table(HOLDERS).items())
    assert item["keys"] == [
        ["id-1", "laptop", "ssh-ed25519 AAAA", "SHA256:abc", 5],
        ["id-2", "desktop", "ssh-ed25519 AAAA", "SHA256:abc", 6],
    ]
    assert item["revision"] == 1
    assert decode_key_ring(item) == ring == store.key_ring(ACCOUNT)


def test_a_ring_is_changed_only_as_it_was_read(store: AccountStore) -> None:
    one, two = KeyRing((FIRST,), 1), KeyRing((FIRST, SECOND), 2)
    assert not store.change_key_ring(ACCOUNT, one, two)
    assert store.change_key_ring(ACCOUNT, KeyRing(), one)

    assert not store.change_key_ring(ACCOUNT, KeyRing(), KeyRing((SECOND,), 1))
    assert not store.change_key_ring(ACCOUNT, two, KeyRing((), 3))
    assert store.key_ring(ACCOUNT) == one
    assert store.change_key_ring(ACCOUNT, one, two)
    assert store.key_ring(ACCOUNT) == two


def test_each_account_has_its_own_ring(store: AccountStore) -> None:
    store.change_key_ring(ACCOUNT, KeyRing(), KeyRing((FIRST,), 1))

    assert store.key_ring(replace(ACCOUNT, subject="user-2")) == KeyRing()
    assert store.key_ring(replace(ACCOUNT, organization_id="another")) == KeyRing()


# API keys.


def test_an_api_key_is_stored_with_its_list_entry(store: AccountStore, db: MemoryDynamoDB) -> None:
    assert store.add_api_key(KEY, 0)

    items = {
        (item["pk"], item["sk"].partition("#")[0]): item for item in map(decode, db.table(HOLDERS).items())
    }
    key = {
        "pk": "APIKEY#" + "d" * 64,
        "sk": "KEY",
        "organization": ORGANIZATION,
        "subject": "user-1",
        "scopes": ["read_only", "billing_only"],
        "created_at": 7,
        "name": "dashboards",
        "last_four": "OW2o",
        "number": 0,
    }
    organization = f"ORG#{ORGANIZATION}"
    listing = {"pk": organization, "sk": "APIKEY#" + "d" * 64, "created_at": 7, "subject": "user-1"}
    assert items[key["pk"], "KEY"] == key
    assert items[organization, "APIKEY"] == listing
    assert items[organization, "APIKEYS"]["revision"] == 1
    assert len(items) == 3
    assert decode_api_key(key) == KEY == store.api_key(KEY.digest)
    assert decode_api_key(key | {"revoked_at": 9}) == replace(KEY, revoked_at=9)


def test_a_key_of_an_earlier_version_has_one_scope_and_the_default_name(
    store: AccountStore, db: MemoryDynamoDB
) -> None:
    old = {"organization": ORGANIZATION, "subject": "user-1", "scope": "read_only", "created_at": 7}
    db.put_item(TableName=HOLDERS, Item=keys.api_key("d" * 64) | encode(old))
    db.put_item(TableName=HOLDERS, Item=keys.api_key_of(ORGANIZATION, "d" * 64) | encode({"created_at": 7}))

    expected = ApiKey("d" * 64, ORGANIZATION, "user-1", (Scope.READ_ONLY,), 7, "Primary Key", None)
    assert store.api_key("d" * 64) == expected
    assert store.api_keys(ORGANIZATION, "user-1") == [expected]
    assert store.api_keys(ORGANIZATION, "user-2") == []


def test_keys_of_one_second_are_listed_in_order_of_creation(store: AccountStore) -> None:
    made = [replace(KEY, digest=digit * 64, number=number) for number, digit in enumerate("fd0e", 1)]
    for revision, key in enumerate(made):
        assert store.add_api_key(key, revision)

    assert store.api_keys(ORGANIZATION, "user-1") == made


def test_an_empty_name_stays_empty(store: AccountStore) -> None:
    store.add_api_key(replace(KEY, name=""), 0)

    found = store.api_key(KEY.digest)
    assert found is not None
    assert found.name == ""


def test_a_list_has_the_keys_of_one_subject_only(store: AccountStore, db: MemoryDynamoDB) -> None:
    store.add_api_key(KEY, 0)
    store.add_api_key(other := replace(KEY, digest="e" * 64, subject="user-2"), 0)

    read = db.before("batch_get_item", lambda *_: None, times=None)
    assert store.api_keys(ORGANIZATION, "user-2") == [other]
    assert read.fired == 1
    assert store.api_keys(ORGANIZATION, "user-3") == []
    assert read.fired == 1


def test_of_two_concurrent_creates_with_the_same_count_one_makes_a_key(store: AccountStore) -> None:
    revision = store.api_keys_revision(ACCOUNT)
    assert store.add_api_key(KEY, revision)

    assert not store.add_api_key(replace(KEY, digest="e" * 64), revision)
    assert store.add_api_key(replace(KEY, digest="e" * 64), store.api_keys_revision(ACCOUNT))
    assert store.add_api_key(replace(KEY, digest="f" * 64, subject="user-2"), 0)


def test_creating_a_key_with_an_existing_digest_changes_nothing(
    store: AccountStore, db: MemoryDynamoDB
) -> None:
    store.add_api_key(KEY, 0)
    before = db.dump()

    with pytest.raises(AlreadyExists, match="an API key of this digest exists"):
        store.add_api_key(replace(KEY, organization_id="another", subject="thief"), 0)
    assert db.dump() == before


def test_deleting_a_key_leaves_only_the_count(store: AccountStore, db: MemoryDynamoDB) -> None:
    store.add_api_key(KEY, 0)

    assert store.delete_api_key(KEY)
    assert not store.delete_api_key(KEY)
    assert store.api_key(KEY.digest) is None
    assert store.api_keys(ORGANIZATION) == []
    assert [decode(item)["sk"].partition("#")[0] for item in db.table(HOLDERS).items()] == ["APIKEYS"]
    assert store.api_keys_revision(ACCOUNT) == 1


def test_keys_of_an_organization_are_in_order_of_age_and_then_of_digest(
    store: AccountStore,
) -> None:
    for digest, created_at in (("c", 5), ("b", 5), ("a", 9), ("d", 2)):
        key = replace(KEY, digest=digest * 64, created_at=created_at)
        store.add_api_key(key, store.api_keys_revision(ACCOUNT))
    store.add_api_key(replace(KEY, digest="e" * 64, organization_id="another"), 0)

    assert [key.digest[0] for key in store.api_keys(ORGANIZATION)] == ["d", "b", "c", "a"]


# Concurrent writes.


def test_a_write_in_conflict_is_retried(store: AccountStore, db: MemoryDynamoDB) -> None:
    db.before("transact_write_items", transaction_conflict(3, 0), times=SENDS - 1)
    db.before("update_item", item_conflict(), times=SENDS - 1)

    assert store.add_api_key(KEY, 0)


def test_conflicts_that_do_not_end_are_given_up(store: AccountStore, db: MemoryDynamoDB) -> None:
    hook = db.before("transact_write_items", transaction_conflict(3, 0), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        store.add_api_key(KEY, 0)
    assert not caught.value.outcome_unknown
    assert hook.fired == SENDS
    assert store.api_key(KEY.digest) is None

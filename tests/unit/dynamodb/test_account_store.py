"""Keys and counters of accounts: what stands in the table, and of two at once only one succeeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.dynamodb.account_store import AccountStore, decode_api_key, decode_key_ring
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import AlreadyExists, StorageUnavailable
from gpu_capacity.holders.account import Account
from gpu_capacity.holders.api_keys import ApiKey
from gpu_capacity.holders.ssh_keys import KeyRing, SshKey
from tests.fakes.dynamodb import MemoryDynamoDB, item_conflict, transaction_conflict
from tests.support.fakes import RecordedPause
from tests.support.world import HOLDERS, ORGANIZATION

ACCOUNT = Account(ORGANIZATION, "user-1")
FIRST = SshKey("id-1", "laptop", "ssh-ed25519 AAAA", "SHA256:abc", 5)
SECOND = replace(FIRST, id="id-2", label="desktop", created_at=6)
KEY = ApiKey("d" * 64, ORGANIZATION, "user-1", Scope.READ_ONLY, 7)
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


def test_the_keys_of_an_account_stand_in_one_item(store: AccountStore, db: MemoryDynamoDB) -> None:
    ring = KeyRing((FIRST, SECOND), 1)

    assert store.change_key_ring(ACCOUNT, KeyRing(), ring)

    [item] = map(decode, db.table(HOLDERS).items())
    assert item["keys"] == [
        ["id-1", "laptop", "ssh-ed25519 AAAA", "SHA256:abc", 5],
        ["id-2", "desktop", "ssh-ed25519 AAAA", "SHA256:abc", 6],
    ]
    assert item["revision"] == 1
    assert decode_key_ring(item) == ring == store.key_ring(ACCOUNT)


def test_only_the_ring_that_was_read_is_changed(store: AccountStore) -> None:
    one, two = KeyRing((FIRST,), 1), KeyRing((FIRST, SECOND), 2)
    assert not store.change_key_ring(ACCOUNT, one, two)
    assert store.change_key_ring(ACCOUNT, KeyRing(), one)

    assert not store.change_key_ring(ACCOUNT, KeyRing(), KeyRing((SECOND,), 1))
    assert not store.change_key_ring(ACCOUNT, two, KeyRing((), 3))
    assert store.key_ring(ACCOUNT) == one
    assert store.change_key_ring(ACCOUNT, one, two)
    assert store.key_ring(ACCOUNT) == two


def test_accounts_have_rings_of_their_own(store: AccountStore) -> None:
    store.change_key_ring(ACCOUNT, KeyRing(), KeyRing((FIRST,), 1))

    assert store.key_ring(replace(ACCOUNT, subject="user-2")) == KeyRing()
    assert store.key_ring(replace(ACCOUNT, organization_id="another")) == KeyRing()


# API keys.


def test_an_api_key_and_its_listing(store: AccountStore, db: MemoryDynamoDB) -> None:
    store.add_api_key(KEY)

    items = {item["pk"]: item for item in map(decode, db.table(HOLDERS).items())}
    key = {
        "pk": "APIKEY#" + "d" * 64,
        "sk": "KEY",
        "organization": ORGANIZATION,
        "subject": "user-1",
        "scope": "read_only",
        "created_at": 7,
    }
    listing = {"pk": f"ORG#{ORGANIZATION}", "sk": "APIKEY#" + "d" * 64, "created_at": 7}
    assert items == {key["pk"]: key, listing["pk"]: listing}
    assert decode_api_key(key) == KEY == store.api_key(KEY.digest)
    assert decode_api_key(key | {"revoked_at": 9}) == replace(KEY, revoked_at=9)


def test_a_key_of_a_digest_that_exists_changes_nothing(store: AccountStore, db: MemoryDynamoDB) -> None:
    store.add_api_key(KEY)
    before = db.dump()

    with pytest.raises(AlreadyExists, match="an API key of this digest exists"):
        store.add_api_key(replace(KEY, organization_id="another", subject="thief"))
    assert db.dump() == before


def test_a_key_is_revoked_once_and_stays_listed(store: AccountStore) -> None:
    store.add_api_key(KEY)

    assert store.revoke_api_key(KEY.digest, 9)
    assert not store.revoke_api_key(KEY.digest, 10)
    assert not store.revoke_api_key("e" * 64, 9)
    assert store.api_key("e" * 64) is None
    assert store.api_keys(ORGANIZATION) == [replace(KEY, revoked_at=9)]


def test_keys_of_an_organization_come_oldest_first_and_by_digest_where_they_are_as_old(
    store: AccountStore,
) -> None:
    for digest, created_at in (("c", 5), ("b", 5), ("a", 9), ("d", 2)):
        store.add_api_key(replace(KEY, digest=digest * 64, created_at=created_at))
    store.add_api_key(replace(KEY, digest="e" * 64, organization_id="another"))

    assert [key.digest[0] for key in store.api_keys(ORGANIZATION)] == ["d", "b", "c", "a"]


# Counters.


def test_as_many_requests_as_the_limit_are_admitted_in_a_minute(store: AccountStore) -> None:
    admitted = [store.count_request(CALLER, "create", MINUTE, 3) for _ in range(5)]

    assert admitted == [True, True, True, False, False]
    assert store.count_request(CALLER, "create", MINUTE + 1, 3)
    assert store.count_request(CALLER, "read", MINUTE, 3)
    assert store.count_request(("organization", "another"), "create", MINUTE, 3)


def test_a_counter_goes_an_hour_after_its_minute(store: AccountStore, db: MemoryDynamoDB) -> None:
    store.count_request(CALLER, "create", MINUTE, 3)
    store.count_request(CALLER, "create", MINUTE, 3)

    [item] = map(decode, db.table(HOLDERS).items())
    assert (item["used"], item["ttl_sweep_at"]) == (2, MINUTE * 60 + 3600)


# Rivals.


def test_a_write_in_conflict_is_sent_again(store: AccountStore, db: MemoryDynamoDB) -> None:
    db.before("transact_write_items", transaction_conflict(2, 0), times=SENDS - 1)
    db.before("update_item", item_conflict(), times=SENDS - 1)

    store.add_api_key(KEY)
    assert store.revoke_api_key(KEY.digest, 9)


def test_conflicts_that_do_not_end_are_given_up(store: AccountStore, db: MemoryDynamoDB) -> None:
    hook = db.before("transact_write_items", transaction_conflict(2, 0), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        store.add_api_key(KEY)
    assert not caught.value.outcome_unknown
    assert hook.fired == SENDS
    assert store.api_key(KEY.digest) is None

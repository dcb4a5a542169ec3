"""Features of the in-memory DynamoDB for millions of calls: copies, a watcher, trusted callers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ParamValidationError

from testkit.dynamodb import MemoryDynamoDB, connection_reset
from testkit.world import HOLDERS, create_tables
from tests.contract.dynamodb.backends import Backend, key, with_table

NEW = "attribute_not_exists(pk)"
ALL_OF_A: dict[str, Any] = {
    "TableName": HOLDERS,
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "a"}},
}


@pytest.fixture
def db() -> MemoryDynamoDB:
    return MemoryDynamoDB()


@pytest.fixture
def store(db: MemoryDynamoDB) -> Backend:
    return with_table("fake", db)


def test_a_copy_starts_with_the_same_items_and_is_then_independent(
    db: MemoryDynamoDB, store: Backend
) -> None:
    store.put("a", "1", owned_by={"S": "org"})
    twin = Backend("fake", db.copy(), store.table)
    assert twin.client.dump() == db.dump()

    twin.put("a", "2", owned_by={"S": "org"})
    store.client.delete_item(TableName=store.table, Key=key("a", "1"))

    assert [item["sk"]["S"] for item in twin.index_items("by_owner", "owned_by = :v", "org", count=2)] == [
        "1",
        "2",
    ]
    assert store.index_items("by_owner", "owned_by = :v", "org", count=0) == []


def test_hooks_are_not_copied(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("put_item", connection_reset())
    Backend("fake", db.copy(), store.table).put("a", "1")

    with pytest.raises(ConnectionClosedError):
        store.put("a", "1")


def test_a_watcher_sees_all_changes_of_a_write_together(db: MemoryDynamoDB, store: Backend) -> None:
    seen: list[Any] = []
    db.watch(seen.append)
    store.put("a", "1")
    db.transact_write_items(
        TransactItems=[
            store.put_statement("a", "2", {}),
            store.statement("Delete", "a", "1"),
            store.statement("ConditionCheck", "a", "3", ConditionExpression=NEW),
        ]
    )

    assert seen == [
        [(store.table, ("a", "1"), None, key("a", "1"))],
        [
            (store.table, ("a", "2"), None, key("a", "2")),
            (store.table, ("a", "1"), key("a", "1"), None),
        ],
    ]


def test_a_watcher_sees_nothing_of_a_refused_write(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1")
    seen: list[Any] = []
    db.watch(seen.append)

    with pytest.raises(ClientError):
        db.put_item(TableName=store.table, Item=key("a", "1"), ConditionExpression=NEW)

    assert seen == []


@pytest.mark.parametrize("stored", [False, True])
def test_a_connection_failure_does_not_reveal_whether_the_write_was_applied(
    db: MemoryDynamoDB, store: Backend, *, stored: bool
) -> None:
    register = db.after if stored else db.before
    register("put_item", connection_reset())

    with pytest.raises(ConnectionClosedError):
        store.put("a", "1")

    assert (("a", "1") in db.table(store.table)) == stored


def test_a_trusting_store_differs_only_for_calls_that_boto3_would_not_send() -> None:
    wrong: dict[str, Any] = {"TableName": "t", "Key": {"pk": {"S": 1}}}
    with pytest.raises(ParamValidationError):
        MemoryDynamoDB().get_item(**wrong)

    trusting = MemoryDynamoDB(trusting=True)
    with pytest.raises(ClientError):
        trusting.get_item(**wrong)
    # A copy trusts as well.
    with pytest.raises(ClientError):
        trusting.copy().get_item(**wrong)


@pytest.mark.parametrize("trusting", [True, False])
def test_a_trusting_store_returns_its_own_items_from_queries_and_never_changes_them(
    *, trusting: bool
) -> None:
    db = MemoryDynamoDB(trusting=trusting)
    create_tables(db)
    db.put_item(TableName=HOLDERS, Item={"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}})

    (first,), (again,) = (db.query(**ALL_OF_A)["Items"] for _ in range(2))
    db.update_item(
        TableName=HOLDERS,
        Key={"pk": {"S": "a"}, "sk": {"S": "1"}},
        UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": {"N": "2"}},
    )

    assert (first is again) == trusting
    assert first["n"] == {"N": "1"}
    assert db.query(**ALL_OF_A)["Items"][0]["n"] == {"N": "2"}


def test_a_cached_query_is_the_current_one_of_this_copy() -> None:
    db = MemoryDynamoDB(trusting=True)
    create_tables(db)
    wanted = ALL_OF_A | {"ConsistentRead": True}

    def put(where: MemoryDynamoDB, sort_key: str) -> None:
        where.put_item(TableName=HOLDERS, Item={"pk": {"S": "a"}, "sk": {"S": sort_key}})

    def found(where: MemoryDynamoDB) -> list[str]:
        return [item["sk"]["S"] for item in where.query(**wanted)["Items"]]

    assert found(db) == []
    put(db, "1")
    assert found(db) == found(db) == ["1"]
    twin = db.copy()
    put(twin, "2")
    put(db, "3")
    assert found(twin) == found(twin) == ["1", "2"]
    assert found(db) == ["1", "3"]
    db.delete_item(TableName=HOLDERS, Key={"pk": {"S": "a"}, "sk": {"S": "3"}})
    assert found(db) == found(db.copy()) == ["1"]


def test_a_cached_query_costs_the_same_and_returns_the_callers_own_items() -> None:
    db = MemoryDynamoDB(trusting=True)
    create_tables(db)
    db.put_item(TableName=HOLDERS, Item={"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"S": "x" * 9_000}})
    wanted = ALL_OF_A | {"ReturnConsumedCapacity": "TOTAL"}

    first, again = db.query(**wanted), db.query(**wanted)
    assert first["ConsumedCapacity"] == again["ConsumedCapacity"]
    assert db.read_units == 2 * first["ConsumedCapacity"]["CapacityUnits"] == 3.0

    again["Items"].clear()
    assert db.query(**wanted)["Count"] == len(db.query(**wanted)["Items"]) == 1


def test_a_stale_read_is_never_cached() -> None:
    db = MemoryDynamoDB(trusting=True)
    create_tables(db)
    db.put_item(TableName=HOLDERS, Item={"pk": {"S": "a"}, "sk": {"S": "1"}})

    assert db.query(**ALL_OF_A)["Count"] == 1
    db.read_stale(lag_writes=1)
    assert db.query(**ALL_OF_A)["Count"] == 0
    db.read_stale(lag_writes=0)
    assert db.query(**ALL_OF_A)["Count"] == 1

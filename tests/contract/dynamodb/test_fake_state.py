"""Features of the in-memory DynamoDB alone: stale reads, costs, totals, dumps, unsupported calls."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from testkit.dynamodb import MemoryDynamoDB
from tests.contract.dynamodb.backends import Backend, key, with_table

NEW = "attribute_not_exists(pk)"


@pytest.fixture
def db() -> MemoryDynamoDB:
    return MemoryDynamoDB()


@pytest.fixture
def store(db: MemoryDynamoDB) -> Backend:
    return with_table("fake", db)


def test_stale_reads_lag_behind_and_consistent_ones_do_not(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1", n={"N": "1"})
    store.put("a", "1", n={"N": "2"})
    store.put("a", "1", n={"N": "3"})
    read = {"TableName": store.table, "Key": key("a", "1")}

    db.read_stale(lag_writes=2)

    assert db.get_item(**read)["Item"]["n"] == {"N": "1"}
    assert db.get_item(**read, ConsistentRead=True)["Item"]["n"] == {"N": "3"}
    db.read_stale(lag_writes=0)
    assert db.get_item(**read)["Item"]["n"] == {"N": "3"}


def test_a_stale_index_still_has_entries_that_were_removed(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1", owned_by={"S": "org"})
    db.read_stale(lag_writes=1)
    store.put("a", "1")

    held = store.index_items("by_owner", "owned_by = :v", "org", count=1)
    db.read_stale(lag_writes=0)
    left = store.index_items("by_owner", "owned_by = :v", "org", count=0)

    assert [item["sk"]["S"] for item in held] == ["1"]
    assert left == []


def test_a_stale_query_does_not_return_a_new_item(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1")
    db.read_stale(lag_writes=1)
    db.transact_write_items(TransactItems=[store.put_statement("a", sk, {}) for sk in ("2", "3")])
    query: dict[str, Any] = {
        "TableName": store.table,
        "KeyConditionExpression": "pk = :a",
        "ExpressionAttributeValues": {":a": {"S": "a"}},
    }

    stale = db.query(**query)
    fresh = db.query(**query, ConsistentRead=True)

    assert [item["sk"]["S"] for item in stale["Items"]] == ["1"]
    assert [item["sk"]["S"] for item in fresh["Items"]] == ["1", "2", "3"]


def test_a_failed_condition_is_billed_by_what_is_stored(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1", x={"S": "x" * 2500})
    before = db.write_units

    store.refused("put_item", Item=key("a", "1"), ConditionExpression=NEW)

    assert db.write_units - before == 3


def test_a_cancelled_transaction_is_billed_double(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1", x={"S": "x" * 2500})
    before = db.write_units
    taken = store.put_statement("a", "1", {}, ConditionExpression=NEW)
    fresh = store.put_statement("a", "2", {}, ConditionExpression=NEW)

    store.refused("transact_write_items", TransactItems=[taken, fresh])

    assert db.write_units - before == 2 * 3 + 2 * 1


def test_requests_and_units_are_counted(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1")
    store.get("a", "1")
    store.get("a", "2")

    assert db.requests == {"create_table": 1, "put_item": 1, "get_item": 2}
    assert db.consumed == {"ReadCapacityUnits": 2.0, "WriteCapacityUnits": 1.0}


def test_transactions_report_read_and_write_units_separately(store: Backend) -> None:
    response = store.client.transact_write_items(
        TransactItems=[store.put_statement("a", "1", {"place": {"S": "uk"}})],
        ReturnConsumedCapacity="INDEXES",
    )

    (consumed,) = response["ConsumedCapacity"]
    assert consumed["WriteCapacityUnits"] == 3
    assert consumed["Table"] == {"CapacityUnits": 2, "WriteCapacityUnits": 2}
    assert consumed["GlobalSecondaryIndexes"] == {"by_place": {"CapacityUnits": 1, "WriteCapacityUnits": 1}}


def test_changing_a_returned_item_does_not_change_the_store(db: MemoryDynamoDB, store: Backend) -> None:
    item = {**key("a", "1"), "m": {"M": {"k": {"L": [{"S": "x"}]}}}}
    db.put_item(TableName=store.table, Item=item)
    before = db.dump()

    item["m"]["M"]["k"]["L"].append({"S": "mine"})
    store.query("pk = :a", {":a": {"S": "a"}})["Items"][0]["m"]["M"].clear()
    db.table(store.table).items()[0].clear()
    for items in db.dump().values():
        items.clear()

    assert db.dump() == before


def test_a_dump_does_not_depend_on_the_order_of_writes(store: Backend) -> None:
    other = MemoryDynamoDB()
    for sk in ("2", "1"):
        store.put("a", sk, s={"SS": ["x", "y"]}, n={"N": "1.0"})
    other.create_table(
        TableName=store.table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    for sk in ("1", "2"):
        item = {**key("a", sk), "n": {"N": "1"}, "s": {"SS": ["y", "x"]}}
        other.put_item(TableName=store.table, Item=item)

    assert store.client.dump() == other.dump()


def test_a_call_that_boto3_would_not_send_is_refused(db: MemoryDynamoDB, store: Backend) -> None:
    with pytest.raises(ParamValidationError):
        db.get_item(TableName=store.table, Key={"pk": "a"}, Consistent=True)


def test_a_parameter_that_the_fake_does_not_know_is_refused(db: MemoryDynamoDB, store: Backend) -> None:
    with pytest.raises(NotImplementedError, match="AttributesToGet"):
        db.get_item(TableName=store.table, Key=key("a", "1"), AttributesToGet=["pk"])


def test_counters_stay_exact_under_threads(db: MemoryDynamoDB, store: Backend) -> None:
    def count() -> None:
        for _ in range(25):
            db.update_item(
                TableName=store.table,
                Key=key("quota", "org"),
                UpdateExpression="ADD used :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.get("quota", "org") == {**key("quota", "org"), "used": {"N": "100"}}

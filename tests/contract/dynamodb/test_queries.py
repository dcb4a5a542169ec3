"""Queries return ranges of one partition in order, page by page, and sparse indexes follow the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.dynamodb.backends import but, key

if TYPE_CHECKING:
    from tests.contract.dynamodb.backends import Backend


def _fill(backend: Backend, *sort_keys: str) -> None:
    for sk in sort_keys:
        backend.put("p", sk, n={"N": str(len(sk))})
    backend.put("q", "b2")


def _sort_keys(response: dict[str, Any]) -> list[str]:
    return [item["sk"]["S"] for item in response["Items"]]


@pytest.mark.parametrize(
    ("condition", "bounds", "expected"),
    [
        ("pk = :p", (), ["a1", "b1", "b2", "b3", "c1"]),
        ("pk = :p AND sk = :x", ("b2",), ["b2"]),
        ("pk = :p AND begins_with(sk, :x)", ("b",), ["b1", "b2", "b3"]),
        ("pk = :p AND sk BETWEEN :x AND :y", ("b1", "b3"), ["b1", "b2", "b3"]),
        ("pk = :p AND sk < :x", ("b2",), ["a1", "b1"]),
        ("pk = :p AND sk <= :x", ("b2",), ["a1", "b1", "b2"]),
        ("pk = :p AND sk > :x", ("b2",), ["b3", "c1"]),
        ("pk = :p AND sk >= :x", ("b2",), ["b2", "b3", "c1"]),
        ("sk >= :x AND pk = :p", ("b2",), ["b2", "b3", "c1"]),
    ],
)
def test_a_range_of_sort_keys_is_in_order(
    backend: Backend, condition: str, bounds: tuple[str, ...], expected: list[str]
) -> None:
    _fill(backend, "b2", "c1", "a1", "b3", "b1")
    values = {":p": {"S": "p"}} | {
        name: {"S": bound} for name, bound in zip((":x", ":y"), bounds, strict=False)
    }

    assert _sort_keys(backend.query(condition, values)) == expected


def test_a_query_can_run_backwards(backend: Backend) -> None:
    _fill(backend, "b2", "c1", "a1")

    response = backend.query("pk = :p", {":p": {"S": "p"}}, ScanIndexForward=False, Limit=2)

    assert _sort_keys(response) == ["c1", "b2"]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_have_no_gaps_and_repeat_nothing(backend: Backend, *, forward: bool) -> None:
    names = [f"s{number:02}" for number in range(11)]
    _fill(backend, *names)
    found: list[str] = []
    start: dict[str, Any] = {}
    for _ in range(len(names)):
        response = backend.query("pk = :p", {":p": {"S": "p"}}, Limit=4, ScanIndexForward=forward, **start)
        found += _sort_keys(response)
        if "LastEvaluatedKey" not in response:
            break
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}

    assert found == sorted(names, reverse=not forward)


def test_a_page_continues_where_its_last_item_was_deleted(backend: Backend) -> None:
    _fill(backend, "a", "b", "c")
    first = backend.query("pk = :p", {":p": {"S": "p"}}, Limit=2)
    backend.client.delete_item(TableName=backend.table, Key=key("p", "b"))

    second = backend.query("pk = :p", {":p": {"S": "p"}}, ExclusiveStartKey=first["LastEvaluatedKey"])

    assert _sort_keys(second) == ["c"]


def test_a_limit_counts_items_before_the_filter(backend: Backend) -> None:
    for number in range(4):
        backend.put("p", f"s{number}", n={"N": str(number)})

    response = backend.query(
        "pk = :p", {":p": {"S": "p"}, ":three": {"N": "3"}}, Limit=2, FilterExpression="n = :three"
    )

    assert (response["Count"], response["ScannedCount"]) == (0, 2)
    assert response["LastEvaluatedKey"] == key("p", "s1")


def test_a_projection_returns_only_the_requested_attributes(backend: Backend) -> None:
    backend.put("p", "s", n={"N": "1"}, spec={"M": {"gpus": {"N": "4"}, "cpus": {"N": "144"}}})

    response = backend.query(
        "pk = :p",
        {":p": {"S": "p"}},
        ProjectionExpression="sk, #spec.gpus",
        ExpressionAttributeNames={"#spec": "spec"},
    )

    assert response["Items"] == [{"sk": {"S": "s"}, "spec": {"M": {"gpus": {"N": "4"}}}}]


def test_an_item_without_the_index_key_is_not_in_the_index(backend: Backend) -> None:
    backend.put("p", "in", owned_by={"S": "org"}, n={"N": "1"})
    backend.put("p", "out", n={"N": "2"})

    items = backend.index_items("by_owner", "owned_by = :v", "org", count=1)

    assert items == [{**key("p", "in"), "owned_by": {"S": "org"}, "n": {"N": "1"}}]


def test_an_item_can_leave_and_enter_a_sparse_index(backend: Backend) -> None:
    backend.put("p", "s", owned_by={"S": "org"})
    update: dict[str, Any] = {"TableName": backend.table, "Key": key("p", "s")}

    backend.client.update_item(**update, UpdateExpression="REMOVE owned_by")
    gone = backend.index_items("by_owner", "owned_by = :v", "org", count=0)
    backend.client.update_item(
        **update, UpdateExpression="SET owned_by = :o", ExpressionAttributeValues={":o": {"S": "org"}}
    )
    back = backend.index_items("by_owner", "owned_by = :v", "org", count=1)

    assert gone == []
    assert [item["sk"]["S"] for item in back] == ["s"]


def test_an_index_needs_both_of_its_keys(backend: Backend) -> None:
    backend.put("p", "half", kind={"S": "pending"})
    backend.put("p", "whole", kind={"S": "pending"}, sort_n={"N": "1"})

    items = backend.index_items("by_kind", "kind = :v", "pending", count=1)

    assert [item["sk"]["S"] for item in items] == ["whole"]


def test_a_keys_only_index_has_only_keys_in_order_of_number(backend: Backend) -> None:
    for number in ("100", "9", "-3"):
        backend.put("p", f"s{number}", kind={"S": "pending"}, sort_n={"N": number}, extra={"S": "x"})

    items = backend.index_items("by_kind", "kind = :v", "pending", count=3)

    assert [item["sort_n"]["N"] for item in items] == ["-3", "9", "100"]
    assert {name for item in items for name in item} == {"pk", "sk", "kind", "sort_n"}


def test_an_index_has_the_attributes_that_it_includes(backend: Backend) -> None:
    backend.put("p", "s", place={"S": "uk"}, colour={"S": "blue"}, extra={"S": "x"})

    items = backend.index_items("by_place", "place = :v", "uk", count=1)

    assert items == [{**key("p", "s"), "place": {"S": "uk"}, "colour": {"S": "blue"}}]


def test_pages_of_an_index_separate_items_with_equal_index_keys(backend: Backend) -> None:
    for number in range(5):
        backend.put(f"p{number}", "s", place={"S": "uk"})
    backend.index_items("by_place", "place = :v", "uk", count=5)
    found: list[str] = []
    start: dict[str, Any] = {}
    for _ in range(5):
        response = backend.client.query(
            TableName=backend.table,
            IndexName="by_place",
            KeyConditionExpression="place = :v",
            ExpressionAttributeValues={":v": {"S": "uk"}},
            Limit=2,
            **start,
        )
        found += [item["pk"]["S"] for item in response["Items"]]
        if "LastEvaluatedKey" not in response:
            break
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}

    assert sorted(found) == ["p0", "p1", "p2", "p3", "p4"]


def test_an_index_cannot_be_read_consistently(backend: Backend) -> None:
    code = backend.refusal_code(
        "query",
        IndexName="by_owner",
        ConsistentRead=True,
        KeyConditionExpression="owned_by = :v",
        ExpressionAttributeValues={":v": {"S": "org"}},
    )

    assert code == "ValidationException"


@pytest.mark.parametrize(
    "condition",
    [
        "sk = :p",
        "pk > :p",
        "pk = :p AND n = :p",
        but("pk = :p OR sk = :p", moto="breaks on OR", emulator="ignores OR"),
    ],
)
def test_a_query_needs_one_partition(backend: Backend, condition: str) -> None:
    code = backend.refusal_code(
        "query", KeyConditionExpression=condition, ExpressionAttributeValues={":p": {"S": "p"}}
    )

    assert code == "ValidationException"


def test_a_scan_finds_every_item_page_by_page(backend: Backend) -> None:
    for number in range(7):
        backend.put(f"p{number}", "s")
    found: list[str] = []
    start: dict[str, Any] = {}
    for _ in range(7):
        response = backend.client.scan(TableName=backend.table, Limit=3, ConsistentRead=True, **start)
        found += [item["pk"]["S"] for item in response["Items"]]
        if "LastEvaluatedKey" not in response:
            break
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}

    assert sorted(found) == [f"p{number}" for number in range(7)]


def test_a_batch_read_leaves_out_absent_items(backend: Backend) -> None:
    backend.put("a", "1", n={"N": "1"})
    backend.put("b", "1", n={"N": "2"})
    keys = [key("a", "1"), key("missing", "1"), key("b", "1")]

    response = backend.client.batch_get_item(
        RequestItems={backend.table: {"Keys": keys, "ConsistentRead": True}}
    )

    assert {item["pk"]["S"] for item in response["Responses"][backend.table]} == {"a", "b"}
    assert response["UnprocessedKeys"] == {}


def test_a_batch_writes_and_deletes(backend: Backend) -> None:
    backend.put("a", "old")

    response = backend.client.batch_write_item(
        RequestItems={
            backend.table: [
                {"PutRequest": {"Item": key("a", "new")}},
                {"DeleteRequest": {"Key": key("a", "old")}},
            ]
        }
    )

    assert response["UnprocessedItems"] == {}
    assert _sort_keys(backend.query("pk = :a", {":a": {"S": "a"}})) == ["new"]

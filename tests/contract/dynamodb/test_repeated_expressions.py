"""An expression used again: with other values, other types, other names, and with unused ones."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.dynamodb.backends import Backend, key

EQUAL = "n = :wanted AND attribute_exists(pk)"


def _set(backend: Backend, value: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Set an attribute if another one has the wanted value; return whether it had."""
    parameters = {
        "Key": key("a", "1"),
        "UpdateExpression": "SET n = :value",
        "ConditionExpression": EQUAL,
        "ExpressionAttributeValues": {":value": value, ":wanted": wanted},
    }
    try:
        backend.client.update_item(TableName=backend.table, **parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def test_values_are_those_of_each_request(backend: Backend) -> None:
    backend.put("a", "1", n={"N": "1"})

    answers = [
        _set(backend, {"N": "2"}, {"N": "1"}),
        _set(backend, {"N": "3"}, {"N": "1"}),
        _set(backend, {"N": "3"}, {"N": "2"}),
    ]

    assert answers == [True, False, True]
    assert backend.get("a", "1") == key("a", "1") | {"n": {"N": "3"}}


def test_types_may_differ_from_request_to_request(backend: Backend) -> None:
    backend.put("a", "1", n={"N": "1"})

    answers = [
        _set(backend, {"S": "x"}, {"N": "1"}),
        _set(backend, {"M": {"b": {"N": "2"}}}, {"S": "x"}),
        _set(backend, {"B": b"\x01"}, {"M": {"b": {"N": "2"}}}),
    ]

    assert answers == [True, True, True]
    assert backend.get("a", "1") == key("a", "1") | {"n": {"B": b"\x01"}}


def test_two_statements_of_one_transaction_may_use_the_same_expression(backend: Backend) -> None:
    statements = [
        backend.statement(
            "Update",
            "a",
            sk,
            UpdateExpression="SET n = :value ADD tally :more",
            ConditionExpression="attribute_not_exists(pk) OR n < :value",
            ExpressionAttributeValues={":value": {"N": value}, ":more": {"N": more}},
        )
        for sk, value, more in (("1", "5", "1"), ("2", "7", "2"), ("3", "9", "3"))
    ]
    for _ in range(2):
        backend.client.transact_write_items(TransactItems=statements[:1])
        backend.put("a", "1", n={"N": "4"})
    backend.client.transact_write_items(TransactItems=statements)

    found = [backend.get("a", sk) for sk in ("1", "2", "3")]
    assert [item["n"]["N"] for item in found if item] == ["5", "7", "9"]
    assert [item["tally"]["N"] for item in found if item] == ["1", "2", "3"]


def test_names_are_those_of_each_request(backend: Backend) -> None:
    for name in ("colour", "shape"):
        backend.client.update_item(
            TableName=backend.table,
            Key=key("a", "1"),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": name}},
        )

    assert backend.get("a", "1") == key("a", "1") | {"colour": {"S": "colour"}, "shape": {"S": "shape"}}


def test_an_unused_value_is_refused_the_second_time_as_well(backend: Backend) -> None:
    update: dict[str, Any] = {"Key": key("a", "1"), "UpdateExpression": "SET n = :value"}
    values = {":value": {"N": "1"}}
    backend.client.update_item(TableName=backend.table, **update, ExpressionAttributeValues=values)

    for _ in range(2):
        code = backend.refusal_code(
            "update_item", **update, ExpressionAttributeValues={**values, ":other": {"N": "2"}}
        )
        assert code == "ValidationException"


@pytest.mark.deviates(moto="compares the bounds with the item instead of refusing them")
def test_a_reversed_range_is_refused_after_a_valid_one(backend: Backend) -> None:
    backend.put("a", "1", n={"N": "5"})
    condition = {"ConditionExpression": "n BETWEEN :low AND :high"}

    def values(low: str, high: str) -> dict[str, Any]:
        return {":low": {"N": low}, ":high": {"N": high}}

    item = {"Item": key("a", "1") | {"n": {"N": "5"}}}
    backend.client.put_item(
        TableName=backend.table, **item, **condition, ExpressionAttributeValues=values("1", "9")
    )

    code = backend.refusal_code("put_item", **item, **condition, ExpressionAttributeValues=values("9", "1"))
    assert code == "ValidationException"


def test_a_refused_expression_is_refused_again(backend: Backend) -> None:
    for _ in range(2):
        code = backend.refusal_code(
            "update_item",
            Key=key("a", "1"),
            UpdateExpression="SET status = :v, status = :v",
            ExpressionAttributeValues={":v": {"N": "1"}},
        )
        assert code == "ValidationException"

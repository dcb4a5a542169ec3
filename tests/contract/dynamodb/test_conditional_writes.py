"""A conditional write is applied exactly if its condition holds; a refusal can return the stored item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.dynamodb.backends import but, key

if TYPE_CHECKING:
    from tests.contract.dynamodb.backends import Backend

FREE = "attribute_not_exists(pk)"


def test_a_put_that_must_not_overwrite_succeeds_once(backend: Backend) -> None:
    put = {"Item": {**key("a", "1"), "n": {"N": "1"}}, "ConditionExpression": FREE}
    backend.client.put_item(TableName=backend.table, **put)

    assert backend.refusal_code("put_item", **put) == "ConditionalCheckFailedException"


def test_a_refused_put_returns_the_stored_item_if_requested(backend: Backend) -> None:
    backend.put("a", "1", holder={"S": "first"})

    response = backend.refused(
        "put_item",
        Item={**key("a", "1"), "holder": {"S": "second"}},
        ConditionExpression=FREE,
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assert response["Item"] == {**key("a", "1"), "holder": {"S": "first"}}


def test_a_refused_put_returns_no_item_unless_requested(backend: Backend) -> None:
    backend.put("a", "1")

    response = backend.refused("put_item", Item=key("a", "1"), ConditionExpression=FREE)

    assert "Item" not in response


def test_a_refused_update_returns_the_stored_item_and_changes_nothing(backend: Backend) -> None:
    backend.put("a", "1", d3={"S": "other"})

    response = backend.refused(
        "update_item",
        Key=key("a", "1"),
        UpdateExpression="SET d3 = :holder",
        ConditionExpression="attribute_not_exists(d3)",
        ExpressionAttributeValues={":holder": {"S": "mine"}},
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assert response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert response["Item"] == {**key("a", "1"), "d3": {"S": "other"}}
    assert backend.get("a", "1") == {**key("a", "1"), "d3": {"S": "other"}}


def test_a_refused_delete_keeps_the_item(backend: Backend) -> None:
    backend.put("a", "1", holder={"S": "other"})

    response = backend.refused(
        "delete_item",
        Key=key("a", "1"),
        ConditionExpression="holder = :mine",
        ExpressionAttributeValues={":mine": {"S": "mine"}},
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assert response["Item"]["holder"] == {"S": "other"}
    assert backend.get("a", "1") is not None


def test_a_failed_condition_on_an_absent_item_returns_none(backend: Backend) -> None:
    response = backend.refused(
        "update_item",
        Key=key("a", "1"),
        UpdateExpression="SET n = :one",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assert response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert "Item" not in response
    assert backend.get("a", "1") is None


def test_delete_returns_the_deleted_item(backend: Backend) -> None:
    backend.put("a", "1", n={"N": "7"})

    response = backend.client.delete_item(TableName=backend.table, Key=key("a", "1"), ReturnValues="ALL_OLD")

    assert response["Attributes"] == {**key("a", "1"), "n": {"N": "7"}}
    assert backend.get("a", "1") is None


def test_deleting_an_absent_item_succeeds(backend: Backend) -> None:
    response = backend.client.delete_item(TableName=backend.table, Key=key("a", "1"), ReturnValues="ALL_OLD")

    assert "Attributes" not in response


def test_a_map_is_compared_and_set_as_a_whole(backend: Backend) -> None:
    old = {"M": {"0": {"S": "vm-1"}, "2": {"M": {"gpus": {"L": [{"N": "0"}, {"N": "1"}]}}}}}
    new = {"M": {"0": {"S": "vm-1"}, "1": {"S": "vm-2"}}}
    backend.put("pod", "usage", d7=old)
    swap: dict[str, Any] = {
        "Key": key("pod", "usage"),
        "UpdateExpression": "SET d7 = :new",
        "ConditionExpression": "d7 = :old",
        "ExpressionAttributeValues": {":old": old, ":new": new},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }

    backend.client.update_item(TableName=backend.table, **swap)
    response = backend.refused("update_item", **swap)

    assert response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert response["Item"]["d7"] == new


def test_binary_is_compared_and_set_byte_by_byte(backend: Backend) -> None:
    backend.put("pod", "usage", bits={"B": b"\x00\xff\x10"})
    swap: dict[str, Any] = {
        "Key": key("pod", "usage"),
        "UpdateExpression": "SET bits = :new",
        "ConditionExpression": "bits = :old",
        "ExpressionAttributeValues": {":old": {"B": b"\x00\xff\x10"}, ":new": {"B": b"\x01\xff\x10"}},
    }

    backend.client.update_item(TableName=backend.table, **swap)

    assert backend.refusal_code("update_item", **swap) == "ConditionalCheckFailedException"
    stored = backend.get("pod", "usage")
    assert stored is not None
    assert stored["bits"] == {"B": b"\x01\xff\x10"}


def test_sixty_domains_are_claimed_under_one_condition(backend: Backend) -> None:
    domains = [f"d{position}" for position in range(60)]
    backend.put("pod", "usage", version={"N": "4"})
    claim: dict[str, Any] = {
        "Key": key("pod", "usage"),
        "UpdateExpression": "SET " + ", ".join(f"{domain} = :holder" for domain in domains),
        "ConditionExpression": "version = :version AND "
        + " AND ".join(f"attribute_not_exists({domain})" for domain in domains),
        "ExpressionAttributeValues": {":holder": {"S": "holder"}, ":version": {"N": "4"}},
    }

    backend.client.update_item(TableName=backend.table, **claim)

    stored = backend.get("pod", "usage")
    assert stored is not None
    assert all(stored[domain] == {"S": "holder"} for domain in domains)
    assert backend.refusal_code("update_item", **claim) == "ConditionalCheckFailedException"


STORED: dict[str, Any] = {
    "label": {"S": "GB300"},
    "n": {"N": "10"},
    "bits": {"B": b"\x01\x02"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "tags": {"SS": ["blue", "red"]},
    "many": {"L": [{"S": "x"}, {"N": "2"}]},
    "spec": {"M": {"gpus": {"N": "72"}, "sizes": {"L": [{"N": "4"}, {"N": "8"}]}, "a.b": {"S": "dotted"}}},
}
VALUES: dict[str, Any] = {
    ":ten": {"N": "10"},
    ":ten_too": {"N": "10.00"},
    ":two": {"N": "2"},
    ":nine": {"N": "9"},
    ":eight": {"N": "8"},
    ":many_gpus": {"N": "72"},
    ":gb": {"S": "GB"},
    ":gb300": {"S": "GB300"},
    ":s": {"S": "S"},
    ":red": {"S": "red"},
    ":x": {"S": "x"},
    ":dotted": {"S": "dotted"},
    ":tags": {"SS": ["red", "blue"]},
    ":first_byte": {"B": b"\x01"},
    ":yes": {"BOOL": True},
    ":list": {"L": [{"S": "x"}, {"N": "2.0"}]},
    ":z": {"S": "z"},
}
TRUE = (
    "n = :ten",
    "n = :ten_too",
    "n > :nine",
    "n BETWEEN :two AND :ten",
    "n <> :two",
    "n <> :gb",
    "absent <> :two",
    "label = :gb300 AND n = :ten",
    "n = :two OR n = :ten",
    "NOT n = :two",
    "NOT (n = :two OR n = :nine)",
    "n = :two AND label = :x OR n = :ten",
    "n = :ten AND (label = :x OR label = :gb300)",
    "NOT n = :two AND label = :gb300",
    "n IN (:two, :ten)",
    "begins_with(label, :gb)",
    but("begins_with(bits, :first_byte)", moto="knows begins_with only for strings"),
    "contains(label, :gb)",
    "contains(tags, :red)",
    "contains(many, :x)",
    "attribute_type(label, :s)",
    "attribute_exists(spec.gpus)",
    "attribute_not_exists(spec.cpus)",
    "attribute_not_exists(absent.deep[3].leaf)",
    "spec.gpus = :many_gpus",
    "spec.sizes[1] = :eight",
    "spec.#dotted = :dotted",
    "tags = :tags",
    "yes = :yes",
    "many = :list",
    "size(label) < :nine",
    "size(tags) = :two",
    "size(many) = :two",
    "size(bits) = :two",
    "label BETWEEN :gb AND :z",
)
FALSE = (
    "n = :gb",
    "n < :nine",
    "absent = :two",
    "absent < :two",
    but("n > :gb", moto="compares a number with a string and breaks"),
    "label = :gb",
    "contains(tags, :gb)",
    "begins_with(absent, :gb)",
    "attribute_type(n, :s)",
    "attribute_exists(many[2])",
    "many[0] = :z",
    "n IN (:two, :nine)",
    but("size(absent) = :two", moto="breaks on the size of nothing"),
    "NOT n = :ten",
)


def _checked(backend: Backend, condition: str) -> dict[str, Any]:
    names = {"#dotted": "a.b"} if "#dotted" in condition else {}
    values = {name: value for name, value in VALUES.items() if name in _words(condition)}
    parameters: dict[str, Any] = {"Key": key("a", "1"), "ConditionExpression": condition}
    if values:
        parameters["ExpressionAttributeValues"] = values
    if names:
        parameters["ExpressionAttributeNames"] = names
    return parameters


def _words(condition: str) -> set[str]:
    for sign in "(),":
        condition = condition.replace(sign, " ")
    return set(condition.split())


@pytest.mark.parametrize("condition", TRUE)
def test_a_write_is_applied_if_its_condition_holds(backend: Backend, condition: str) -> None:
    backend.put("a", "1", **STORED)

    backend.client.delete_item(TableName=backend.table, **_checked(backend, condition))

    assert backend.get("a", "1") is None


@pytest.mark.parametrize("condition", FALSE)
def test_a_write_is_refused_if_its_condition_does_not_hold(backend: Backend, condition: str) -> None:
    backend.put("a", "1", **STORED)

    code = backend.refusal_code("delete_item", **_checked(backend, condition))

    assert code == "ConditionalCheckFailedException"
    assert backend.get("a", "1") is not None

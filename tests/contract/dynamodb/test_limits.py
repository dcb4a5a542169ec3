"""An invalid request is a ValidationException, whatever is stored, and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.dynamodb.backends import but, key

if TYPE_CHECKING:
    from tests.contract.dynamodb.backends import Backend

ONE = {":one": {"N": "1"}}
INVALID = "ValidationException"


def _long_condition(size_bytes: int) -> str:
    """A valid condition of exactly this many bytes."""
    start = "attribute_not_exists("
    return start + "a" * (size_bytes - len(start) - 1) + ")"


def _update_code(backend: Backend, **parameters: Any) -> str:
    return backend.refusal_code("update_item", **{"Key": key("a", "1"), **parameters})


def test_an_expression_of_4096_bytes_is_accepted(backend: Backend) -> None:
    condition = " AND ".join(f"attribute_not_exists({'a' * 40}{number})" for number in range(55))
    rest = 4096 - len(condition.encode()) - len(" AND ")
    condition = f"{condition} AND {_long_condition(rest)}"
    assert len(condition.encode()) == 4096

    backend.client.put_item(TableName=backend.table, Item=key("a", "1"), ConditionExpression=condition)

    assert backend.get("a", "1") is not None


@pytest.mark.deviates(moto="does not limit the length of expressions")
def test_an_expression_of_4097_bytes_is_refused(backend: Backend) -> None:
    condition = " AND ".join(f"attribute_not_exists({'a' * 40}{number})" for number in range(55))
    rest = 4097 - len(condition.encode()) - len(" AND ")
    condition = f"{condition} AND {_long_condition(rest)}"

    code = backend.refusal_code("put_item", Item=key("a", "1"), ConditionExpression=condition)

    assert code == INVALID


@pytest.mark.deviates(moto="does not limit operators", emulator="does not limit operators")
def test_more_than_300_operators_are_refused(backend: Backend) -> None:
    condition = " OR ".join(["a=:one"] * 151)

    code = backend.refusal_code(
        "put_item", Item=key("a", "1"), ConditionExpression=condition, ExpressionAttributeValues=ONE
    )

    assert code == INVALID


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"ExpressionAttributeValues": ONE}, id="an undefined value"),
        pytest.param(
            {"UpdateExpression": "SET #n = :one", "ExpressionAttributeValues": ONE},
            id="an undefined name",
            marks=pytest.mark.deviates(moto="breaks on an undefined name"),
        ),
        pytest.param(
            {
                "UpdateExpression": "SET n = :one",
                "ExpressionAttributeValues": {**ONE, ":two": {"N": "2"}},
            },
            id="an unused value",
        ),
        pytest.param(
            {
                "UpdateExpression": "SET n = :one",
                "ExpressionAttributeValues": ONE,
                "ExpressionAttributeNames": {"#n": "n"},
            },
            id="an unused name",
        ),
        pytest.param(
            {"UpdateExpression": "SET status = :one", "ExpressionAttributeValues": ONE}, id="a reserved word"
        ),
        pytest.param(
            {"UpdateExpression": "SET region = :one", "ExpressionAttributeValues": ONE}, id="another one"
        ),
        pytest.param({"UpdateExpression": "SET pk = :one", "ExpressionAttributeValues": ONE}, id="a key"),
        pytest.param(
            {"UpdateExpression": "SET n = :one, n = :one", "ExpressionAttributeValues": ONE},
            id="one path twice",
            marks=pytest.mark.deviates(emulator="takes the last of several actions on one path"),
        ),
        pytest.param(
            {"UpdateExpression": "SET m = :one, m.k = :one", "ExpressionAttributeValues": ONE},
            id="overlapping paths",
        ),
        pytest.param(
            {"UpdateExpression": "SET n = :one SET o = :one", "ExpressionAttributeValues": ONE},
            id="a section twice",
            marks=pytest.mark.deviates(emulator="takes a section twice"),
        ),
        pytest.param({"UpdateExpression": ""}, id="an empty expression"),
        pytest.param(
            {"UpdateExpression": "SET n == :one", "ExpressionAttributeValues": ONE},
            id="no syntax",
            marks=pytest.mark.deviates(emulator="reads == as ="),
        ),
        pytest.param(
            {"UpdateExpression": "ADD n :s", "ExpressionAttributeValues": {":s": {"S": "1"}}},
            id="a sum with a string",
            marks=pytest.mark.deviates(moto="stores something before it refuses"),
        ),
    ],
)
def test_a_malformed_update_is_refused(backend: Backend, parameters: dict[str, Any]) -> None:
    parameters = {"UpdateExpression": "SET n = :other", **parameters}

    assert _update_code(backend, **parameters) == INVALID
    assert backend.get("a", "1") is None


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        but("n = :undefined", {}, moto="breaks on malformed conditions"),
        but("n = ", {}, moto="breaks on malformed conditions"),
        but("attribute_exists(n) AND", {}, moto="breaks on malformed conditions"),
        but("(attribute_exists(n)", {}, moto="breaks on malformed conditions"),
        ("((attribute_exists(n)))", {}),
        ("exists(n)", {}),
        but("n BETWEEN :two AND :one", {**ONE, ":two": {"N": "2"}}, moto="takes empty ranges"),
        but("begins_with(n, :one)", ONE, moto="takes any type", emulator="takes any type"),
        but("attribute_exists(:one)", ONE, moto="breaks on malformed conditions"),
        ("status = :one", ONE),
        but("n = n", {}, moto="takes equal operands", emulator="takes equal operands"),
    ],
)
def test_a_malformed_condition_is_refused(backend: Backend, condition: str, values: dict[str, Any]) -> None:
    more: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}

    code = backend.refusal_code("put_item", Item=key("a", "1"), ConditionExpression=condition, **more)

    assert code == INVALID


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"pk": {"S": "a"}}, id="without a sort key"),
        pytest.param({"pk": {"S": ""}, "sk": {"S": "1"}}, id="with an empty key"),
        pytest.param({"pk": {"N": "1"}, "sk": {"S": "1"}}, id="with a key of another type"),
        pytest.param({"pk": {"S": "a" * 2049}, "sk": {"S": "1"}}, id="with a partition key of 2049 bytes"),
        pytest.param({"pk": {"S": "a"}, "sk": {"S": "1" * 1025}}, id="with a sort key of 1025 bytes"),
        pytest.param({**key("a", "1"), "x": {"S": "x" * 410_000}}, id="of more than 400 KB"),
        pytest.param(
            {**key("a", "1"), "kind": {"N": "1"}},
            id="with an index key of another type",
            marks=pytest.mark.deviates(moto="does not check index keys"),
        ),
        pytest.param({**key("a", "1"), "n": {"N": "many"}}, id="with a number that is none"),
        pytest.param(
            {**key("a", "1"), "n": {"N": "1" * 39}},
            id="with a number of 39 digits",
            marks=pytest.mark.deviates(moto="does not check numbers"),
        ),
        pytest.param(
            {**key("a", "1"), "s": {"SS": ["a", "a"]}},
            id="with a set that repeats",
            marks=pytest.mark.deviates(moto="does not check sets"),
        ),
        pytest.param({**key("a", "1"), "s": {"SS": []}}, id="with an empty set"),
    ],
)
def test_an_impossible_item_is_refused(backend: Backend, item: dict[str, Any]) -> None:
    assert backend.refusal_code("put_item", Item=item) == INVALID


def test_an_item_cannot_grow_beyond_400_kilobytes(backend: Backend) -> None:
    backend.put("a", "1", x={"S": "x" * 300_000})

    code = _update_code(
        backend, UpdateExpression="SET y = :y", ExpressionAttributeValues={":y": {"S": "y" * 150_000}}
    )

    assert code == INVALID


def test_a_key_needs_all_of_its_attributes_and_no_more(backend: Backend) -> None:
    assert backend.refusal_code("get_item", Key={"pk": {"S": "a"}}) == INVALID
    assert backend.refusal_code("get_item", Key={**key("a", "1"), "n": {"N": "1"}}) == INVALID


def test_a_missing_table_is_reported(backend: Backend) -> None:
    with pytest.raises(ClientError) as caught:
        backend.client.get_item(TableName="no-such-table", Key=key("a", "1"))

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_batch_reads_at_most_100_items(backend: Backend) -> None:
    keys = [key("a", str(number)) for number in range(101)]

    with pytest.raises(ClientError) as caught:
        backend.client.batch_get_item(RequestItems={backend.table: {"Keys": keys}})

    assert caught.value.response["Error"]["Code"] == INVALID


def test_a_batch_reads_no_item_twice(backend: Backend) -> None:
    with pytest.raises(ClientError) as caught:
        backend.client.batch_get_item(RequestItems={backend.table: {"Keys": [key("a", "1")] * 2}})

    assert caught.value.response["Error"]["Code"] == INVALID


@pytest.mark.deviates(moto="does not limit batches of writes")
def test_a_batch_writes_at_most_25_items(backend: Backend) -> None:
    puts = [{"PutRequest": {"Item": key("a", str(number))}} for number in range(26)]

    with pytest.raises(ClientError) as caught:
        backend.client.batch_write_item(RequestItems={backend.table: puts})

    assert caught.value.response["Error"]["Code"] == INVALID

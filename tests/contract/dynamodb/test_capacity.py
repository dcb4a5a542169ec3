"""Capacity units as the service bills them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.dynamodb.backends import key

if TYPE_CHECKING:
    from tests.contract.dynamodb.backends import Backend


def _units(response: dict[str, Any]) -> float:
    consumed = response["ConsumedCapacity"]
    entries = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(entry["CapacityUnits"]) for entry in entries)


def _put_units(backend: Backend, **attributes: Any) -> float:
    return _units(
        backend.client.put_item(
            TableName=backend.table, Item={**key("a", "1"), **attributes}, ReturnConsumedCapacity="TOTAL"
        )
    )


@pytest.mark.parametrize(("domains", "units"), [(1, 4), (16, 4)])
@pytest.mark.deviates(moto="reports no capacity of transactions")
def test_a_reservation_costs_four_units_however_many_domains_it_takes(
    backend: Backend, domains: int, units: float
) -> None:
    names = [f"d{position}" for position in range(domains)]
    claim = backend.statement(
        "Update",
        "pod",
        "usage",
        UpdateExpression="SET " + ", ".join(f"{name} = :holder" for name in names),
        ConditionExpression=" AND ".join(f"attribute_not_exists({name})" for name in names),
        ExpressionAttributeValues={":holder": {"S": "f" * 36}},
    )
    record = backend.put_statement("org", "holder", {}, ConditionExpression="attribute_not_exists(pk)")

    response = backend.client.transact_write_items(
        TransactItems=[claim, record], ReturnConsumedCapacity="TOTAL"
    )

    assert _units(response) == units


@pytest.mark.deviates(moto="bills every put 1 unit")
def test_a_write_is_billed_by_whole_kilobytes_of_the_larger_item(backend: Backend) -> None:
    # Names and values count: "pk" "a" "sk" "1" "x" are 7 bytes beside the content.
    assert _put_units(backend, x={"S": "x" * (1024 - 7)}) == 1
    assert _put_units(backend, x={"S": "x" * (1024 - 6)}) == 2
    assert _put_units(backend) == 2


@pytest.mark.deviates(moto="bills every update half a unit")
def test_an_update_is_billed_by_the_whole_item(backend: Backend) -> None:
    backend.put("a", "1", x={"S": "x" * 2500})

    response = backend.client.update_item(
        TableName=backend.table,
        Key=key("a", "1"),
        UpdateExpression="SET n = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnConsumedCapacity="TOTAL",
    )

    assert _units(response) == 3


@pytest.mark.deviates(moto="bills every read half a unit", emulator="bills reads without their size")
def test_a_read_is_billed_by_four_kilobytes_and_half_when_eventually_consistent(backend: Backend) -> None:
    backend.put("a", "1", x={"S": "x" * 5000})
    read = {"TableName": backend.table, "Key": key("a", "1"), "ReturnConsumedCapacity": "TOTAL"}

    assert _units(backend.client.get_item(**read, ConsistentRead=True)) == 2
    assert _units(backend.client.get_item(**read)) == 1


@pytest.mark.deviates(
    moto="bills queries without the size of their items", emulator="bills reads without their size"
)
def test_a_query_is_billed_by_the_sum_of_its_items(backend: Backend) -> None:
    for number in range(8):
        backend.put("a", str(number), x={"S": "x" * 1000})

    response = backend.query("pk = :a", {":a": {"S": "a"}}, ReturnConsumedCapacity="TOTAL")

    assert _units(response) == 2


def test_a_transactional_read_costs_double(backend: Backend) -> None:
    backend.put("a", "1")

    response = backend.client.transact_get_items(
        TransactItems=[{"Get": {"TableName": backend.table, "Key": key("a", "1")}}],
        ReturnConsumedCapacity="TOTAL",
    )

    assert _units(response) == 2


def _index_units(backend: Backend, item: dict[str, Any]) -> dict[str, float]:
    response = backend.client.put_item(TableName=backend.table, Item=item, ReturnConsumedCapacity="INDEXES")
    indexes = response["ConsumedCapacity"].get("GlobalSecondaryIndexes", {})
    return {name: entry["CapacityUnits"] for name, entry in indexes.items()}


@pytest.mark.deviates(moto="does not bill indexes")
def test_an_index_is_billed_only_if_its_entry_changes(backend: Backend) -> None:
    entering = {**key("a", "1"), "place": {"S": "uk"}, "colour": {"S": "blue"}}

    assert _index_units(backend, key("a", "1")) == {}
    assert _index_units(backend, entering) == {"by_place": 1}
    assert _index_units(backend, {**entering, "other": {"N": "1"}}) == {}
    assert _index_units(backend, {**entering, "colour": {"S": "red"}}) == {"by_place": 1}
    assert _index_units(backend, {**entering, "place": {"S": "us"}}) == {"by_place": 2}
    assert _index_units(backend, key("a", "1")) == {"by_place": 1}

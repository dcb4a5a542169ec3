"""Writes that take or give back parts of domains: which conditions and values each write has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest

from gpu_capacity.holders.host_writes import POD_LABEL, change_parts, with_hosts, without_hosts

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.writes import Update

POD = ("r", "f", "p")

Parts: TypeAlias = dict[str, int]


STAMP = b"fresh!"


def _change(changes: dict[int, tuple[Parts | bytes | None, Parts]], version: int | None = 7) -> Update:
    return change_parts("inventory", POD, changes, version, STAMP)


def test_taking_hosts_of_a_free_domain_requires_the_domain_free_and_its_version_unchanged() -> None:
    update = _change({3: (None, {"ab": 5})})

    assert update.label == f"{POD_LABEL}r#f#p" == "pod:r#f#p"
    assert update.request() == {
        "TableName": "inventory",
        "Key": {"pk": {"S": "CLAIMS#r#f"}, "sk": {"S": "POD#p"}},
        "UpdateExpression": "SET d3 = :n3",
        "ConditionExpression": "v = :version AND attribute_not_exists(d3)",
        "ExpressionAttributeValues": {":version": {"N": "7"}, ":n3": {"M": {"ab": {"N": "5"}}}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_taking_hosts_of_an_emptied_domain_requires_its_stamp_unchanged() -> None:
    update = _change({3: (b"before", {"ab": 5})})

    assert (update.update, update.condition) == ("SET d3 = :n3", "v = :version AND d3 = :o3")
    assert update.values[":o3"] == {"B": b"before"}


def test_a_write_changes_domains_in_order_and_leaves_a_fresh_stamp_on_emptied_ones() -> None:
    update = _change(
        {
            9: ({"ab": 1}, {}),
            2: ({"ab": 1}, {"ab": 1, "cd": 2}),
            11: ({"cd": 4}, {}),
            4: (None, {"ab": 1}),
        }
    )

    assert update.update == "SET d2 = :n2, d4 = :n4, d9 = :stamp, d11 = :stamp"
    assert update.condition == (
        "v = :version AND d2 = :o2 AND attribute_not_exists(d4) AND d9 = :o9 AND d11 = :o11"
    )
    assert set(update.values) == {":version", ":o2", ":n2", ":n4", ":o9", ":o11", ":stamp"}


def test_giving_back_does_not_depend_on_the_version() -> None:
    update = _change({2: ({"ab": 1}, {})}, version=None)

    assert (update.update, update.condition) == ("SET d2 = :stamp", "d2 = :o2")
    assert update.values == {":o2": {"M": {"ab": {"N": "1"}}}, ":stamp": {"B": STAMP}}


@pytest.mark.parametrize(
    ("before", "hosts", "after"),
    [
        (None, 0b01, {"ab": 0b01}),
        ({}, 0b01, {"ab": 0b01}),
        ({"cd": 0b01}, 0b10, {"cd": 0b01, "ab": 0b10}),
        ({"ab": 0b01}, 0b110, {"ab": 0b111}),
        ({"ab": 0b11}, 0b01, {"ab": 0b11}),
    ],
)
def test_taking_hosts_adds_them_to_those_the_holder_already_has(
    before: dict[str, int] | None, hosts: int, after: dict[str, int]
) -> None:
    assert with_hosts(before, "ab", hosts) == after


@pytest.mark.parametrize(
    ("before", "hosts", "after"),
    [
        ({"ab": 0b11}, 0b01, {"ab": 0b10}),
        ({"ab": 0b11}, 0b11, {}),
        ({"ab": 0b11}, 0b111, {}),
        ({"ab": 0b11, "cd": 0b100}, 0b11, {"cd": 0b100}),
        ({"ab": 0b11}, 0b100, {"ab": 0b11}),
        ({"cd": 0b01}, 0b10, {"cd": 0b01}),
    ],
)
def test_giving_back_some_hosts_keeps_the_holders_other_hosts(
    before: dict[str, int], hosts: int, after: dict[str, int]
) -> None:
    kept = dict(before)

    assert without_hosts(before, "ab", hosts) == after
    assert before == kept

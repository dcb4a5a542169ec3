"""Update expressions: sums, lists, sets, nested attributes, and what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.dynamodb.backends import but, key

if TYPE_CHECKING:
    from tests.contract.dynamodb.backends import Backend


def _update(backend: Backend, expression: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
    if values:
        more["ExpressionAttributeValues"] = values
    return backend.client.update_item(
        TableName=backend.table, Key=key("a", "1"), UpdateExpression=expression, **more
    )


ONE = {":one": {"N": "1"}}
X = {":x": {"L": [{"S": "x"}]}}


@pytest.mark.parametrize(
    ("stored", "expression", "values", "expected"),
    [
        ({}, "SET n = :one", ONE, {"n": {"N": "1"}}),
        ({"n": {"N": "4"}}, "SET n = n + :one", ONE, {"n": {"N": "5"}}),
        ({"n": {"N": "4"}}, "SET n = n - :one", ONE, {"n": {"N": "3"}}),
        ({"n": {"N": "0.1"}}, "SET n = n + :d", {":d": {"N": "0.2"}}, {"n": {"N": "0.3"}}),
        ({}, "SET n = if_not_exists(n, :one)", ONE, {"n": {"N": "1"}}),
        ({"n": {"N": "4"}}, "SET n = if_not_exists(n, :one)", ONE, {"n": {"N": "4"}}),
        ({}, "SET n = if_not_exists(n, :one) + :one", ONE, {"n": {"N": "2"}}),
        ({}, "ADD n :one", ONE, {"n": {"N": "1"}}),
        ({"n": {"N": "-1"}}, "ADD n :one", ONE, {"n": {"N": "0"}}),
        (
            {"l": {"L": [{"S": "w"}]}},
            "SET l = list_append(l, :x)",
            X,
            {"l": {"L": [{"S": "w"}, {"S": "x"}]}},
        ),
        (
            {"l": {"L": [{"S": "w"}]}},
            "SET l = list_append(:x, l)",
            X,
            {"l": {"L": [{"S": "x"}, {"S": "w"}]}},
        ),
        ({}, "SET l = list_append(if_not_exists(l, :e), :x)", {**X, ":e": {"L": []}}, {"l": X[":x"]}),
        ({"l": {"L": [{"N": "1"}, {"N": "2"}]}}, "REMOVE l[0]", {}, {"l": {"L": [{"N": "2"}]}}),
        but(
            {"l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]}},
            "REMOVE l[0], l[1]",
            {},
            {"l": {"L": [{"N": "3"}]}},
            emulator="counts positions anew after each removal",
        ),
        ({"l": {"L": [{"N": "1"}]}}, "SET l[0] = :x", {":x": {"S": "x"}}, {"l": {"L": [{"S": "x"}]}}),
        ({"l": {"L": []}}, "SET l[9] = :x", {":x": {"S": "x"}}, {"l": {"L": [{"S": "x"}]}}),
        ({"m": {"M": {}}}, "SET m.k = :x", {":x": {"S": "x"}}, {"m": {"M": {"k": {"S": "x"}}}}),
        (
            {"m": {"M": {"k": {"S": "x"}, "j": {"S": "y"}}}},
            "REMOVE m.k",
            {},
            {"m": {"M": {"j": {"S": "y"}}}},
        ),
        ({"n": {"N": "1"}, "o": {"N": "2"}}, "REMOVE n, absent", {}, {"o": {"N": "2"}}),
        ({"s": {"SS": ["a", "b"]}}, "DELETE s :s", {":s": {"SS": ["a"]}}, {"s": {"SS": ["b"]}}),
        ({"s": {"SS": ["a"]}, "o": {"N": "2"}}, "DELETE s :s", {":s": {"SS": ["a"]}}, {"o": {"N": "2"}}),
        (
            {"a1": {"N": "1"}, "b1": {"N": "2"}},
            "SET a1 = b1, b1 = a1",
            {},
            {"a1": {"N": "2"}, "b1": {"N": "1"}},
        ),
        (
            {"n": {"N": "1"}, "g": {"N": "1"}},
            "SET n = :one REMOVE g ADD o :one",
            ONE,
            {"n": ONE[":one"], "o": ONE[":one"]},
        ),
    ],
)
def test_an_update_changes_an_item_as_its_expression_says(
    backend: Backend,
    stored: dict[str, Any],
    expression: str,
    values: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    backend.put("a", "1", **stored)

    _update(backend, expression, values)

    assert backend.get("a", "1") == {**key("a", "1"), **expected}


def test_members_are_added_to_a_set_once(backend: Backend) -> None:
    backend.put("a", "1", s={"SS": ["a"]})

    _update(backend, "ADD s :s", {":s": {"SS": ["b", "a"]}})

    stored = backend.get("a", "1")
    assert stored is not None
    assert sorted(stored["s"]["SS"]) == ["a", "b"]


def test_an_update_creates_an_absent_item(backend: Backend) -> None:
    _update(backend, "SET n = :one", ONE)

    assert backend.get("a", "1") == {**key("a", "1"), "n": {"N": "1"}}


@pytest.mark.deviates(moto="keeps numbers as they were written")
def test_numbers_are_stored_in_canonical_form(backend: Backend) -> None:
    backend.put("a", "1", n={"N": "007.50"}, big={"N": "1E3"})

    stored = backend.get("a", "1")
    assert stored is not None
    assert (stored["n"], stored["big"]) == ({"N": "7.5"}, {"N": "1000"})


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("ALL_OLD", {**key("a", "1"), "n": {"N": "1"}, "o": {"N": "9"}}),
        ("ALL_NEW", {**key("a", "1"), "n": {"N": "2"}, "o": {"N": "9"}}),
        ("UPDATED_OLD", {"n": {"N": "1"}}),
        ("UPDATED_NEW", {"n": {"N": "2"}}),
    ],
)
def test_an_update_returns_the_requested_values(
    backend: Backend, wanted: str, expected: dict[str, Any]
) -> None:
    backend.put("a", "1", n={"N": "1"}, o={"N": "9"})

    response = _update(backend, "SET n = n + :one", ONE, ReturnValues=wanted)

    assert response["Attributes"] == expected


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET n = absent", {}),
        ("SET n = absent + :one", ONE),
        but("SET n = words + :one", ONE, emulator="adds to a string"),
        ("ADD words :one", ONE),
        ("SET absent.deep = :one", ONE),
        but("SET words.deep = :one", ONE, moto="takes a path into a string"),
    ],
)
def test_an_update_that_does_not_fit_the_item_is_refused(
    backend: Backend, expression: str, values: dict[str, Any]
) -> None:
    backend.put("a", "1", words={"S": "x"})
    more: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}

    code = backend.refusal_code("update_item", Key=key("a", "1"), UpdateExpression=expression, **more)

    assert code == "ValidationException"
    assert backend.get("a", "1") == {**key("a", "1"), "words": {"S": "x"}}


@pytest.mark.deviates(moto="breaks on an update without an expression")
def test_an_update_without_actions_creates_the_bare_item(backend: Backend) -> None:
    backend.client.update_item(TableName=backend.table, Key=key("a", "1"))

    assert backend.get("a", "1") == key("a", "1")


def test_removing_from_an_absent_item_creates_the_bare_item(backend: Backend) -> None:
    """So a write that only releases has to require that the item exists."""
    _update(backend, "REMOVE n")

    assert backend.get("a", "1") == key("a", "1")

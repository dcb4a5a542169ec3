"""Values of items: converted as boto3 does, but faster."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from gpu_capacity.dynamodb.client import decode, encode, encode_value

LARGEST = 10**38 - 1
SIMPLE = [
    "",
    "text",
    0,
    7,
    -7,
    LARGEST,
    -LARGEST,
    b"",
    b"\x00\xff",
    True,
    False,
    Decimal("1.5"),
    Decimal("1E+9"),
]
NESTED = [
    [],
    {},
    ["a", 1, [b"b"]],
    ("a", (1,)),
    {"a": {"b": [True, None]}, "c": "d"},
    OrderedDict(a=1),
    bytearray(b"c"),
    {1, 2},
    {"a"},
    frozenset({b"d"}),
]


@pytest.mark.parametrize("value", [*SIMPLE, *NESTED], ids=repr)
def test_a_value_is_converted_as_boto3_does(value: Any) -> None:
    library: Any = TypeSerializer()
    assert encode_value(value) == library.serialize(value)
    assert encode({"a": value, "b": None}) == {"a": library.serialize(value)}


@pytest.mark.parametrize("value", [*SIMPLE, *NESTED], ids=repr)
def test_a_stored_value_is_read_as_boto3_does(value: Any) -> None:
    stored = encode_value(value)
    library: Any = TypeDeserializer()
    read = decode({"a": stored})["a"]
    assert read == library.deserialize(stored)
    assert type(read) is type(library.deserialize(stored)) or isinstance(read, bytes)


def test_binaries_are_bytes_at_any_depth() -> None:
    read = decode(encode({"a": bytearray(b"1"), "b": {"c": [b"2"]}}))
    assert [type(one) for one in (read["a"], read["b"]["c"][0])] == [bytes, bytes]


@pytest.mark.parametrize("value", [LARGEST + 2, -LARGEST - 2, 1.5, float("nan"), 1j, {"a": [1j]}], ids=repr)
def test_what_dynamodb_cannot_store_is_refused_as_boto3_does(value: Any) -> None:
    library: Any = TypeSerializer()
    with pytest.raises((TypeError, ArithmeticError)) as expected:
        library.serialize(value)
    with pytest.raises(expected.type):
        encode_value(value)


@pytest.mark.parametrize("stored", [{}, {"X": 1}, {"L": [{}]}, {"N": "1" * 39}], ids=repr)
def test_what_is_no_value_is_refused_as_boto3_does(stored: dict[str, Any]) -> None:
    library: Any = TypeDeserializer()
    with pytest.raises((TypeError, ArithmeticError)) as expected:
        library.deserialize(stored)
    with pytest.raises(expected.type):
        decode({"a": stored})

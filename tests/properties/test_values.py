"""Plain values become items, and items plain values, exactly as AWS's own library does it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.dynamodb.client import decode, encode, encode_value

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sets(st.text(max_size=3), min_size=1, max_size=3)
    | st.sets(st.integers(-9, 9), min_size=1, max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def _with_order(typed: Any) -> Any:
    """The members of sets have no order."""
    if isinstance(typed, dict):
        return {name: sorted(v) if name in {"SS", "NS"} else _with_order(v) for name, v in typed.items()}
    return [_with_order(element) for element in typed] if isinstance(typed, list) else typed


@given(VALUES)
def test_values_are_encoded_and_decoded_as_the_library_does(value: Any) -> None:
    expected = TypeSerializer().serialize(value)

    assert _with_order(encode_value(value)) == _with_order(expected)
    # A binary attribute is plain bytes; the library's wrapper is equal to them.
    plain = decode({"attribute": expected})["attribute"]
    assert plain == TypeDeserializer().deserialize(expected)
    assert type(plain) is not bool or plain is value


def test_what_is_not_there_is_left_out() -> None:
    assert encode({"name": None, "count": 0, "is": False, "binary": b"x"}) == {
        "count": {"N": "0"},
        "is": {"BOOL": False},
        "binary": {"B": b"x"},
    }
    assert type(decode({"binary": {"B": b"x"}})["binary"]) is bytes


@pytest.mark.parametrize("wrong", [1.5, 10**39 + 1, float("nan"), object(), {"in": [1.5]}])
def test_what_is_no_value_is_refused_as_the_library_does(wrong: Any) -> None:
    errors = []
    for serialize in (encode_value, TypeSerializer().serialize):
        with pytest.raises(Exception) as refusal:  # noqa: PT011 - whichever the library raises
            serialize(wrong)
        errors.append(type(refusal.value))
    assert errors[0] is errors[1]


@pytest.mark.parametrize("wrong", [{}, {"X": "1"}, {"M": {"in": {}}}])
def test_what_is_no_typed_value_is_refused_as_the_library_does(wrong: Any) -> None:
    for deserialize in (lambda value: decode({"a": value}), TypeDeserializer().deserialize):
        with pytest.raises(TypeError):
            deserialize(wrong)


def test_numbers_keep_their_digits() -> None:
    assert decode({"n": {"N": "1.50"}}) == {"n": Decimal("1.50")}
    assert str(decode({"n": {"N": "1.50"}})["n"]) == "1.50"

"""Reads values from stored items, and reports items that cannot be decoded.

A function marked with ``decoder`` raises ``UnreadableItem`` and no other error, whatever the item contains.
So an item that was edited by hand, or written by a later version, does not look like a defect of the code.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gpu_capacity.errors import UnreadableItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Value = TypeVar("Value")

SCHEMA: Final = 1
"""The newest form of a holder's record that this version can read. Earlier versions wrote no ``schema``."""

_UNDECODABLE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_WHOLE_MAX: Final = 2**126 - 1
"""DynamoDB keeps 38 digits of a number. This is more than every mask over hosts."""


def decoder(decode: Callable[[Any], Value]) -> Callable[[Mapping[str, Any]], Value]:
    """Mark a function that decodes an item: every failure becomes ``UnreadableItem``."""

    @wraps(decode)
    def strict(item: Mapping[str, Any]) -> Value:
        try:
            if (whole_or_none(item, "schema") or 0) > SCHEMA:
                raise ValueError("written by a later version")
            return decode(item)
        except _UNDECODABLE as error:
            raise UnreadableItem(str(item.get("pk")), str(item.get("sk"))) from error

    return strict


def text(item: Mapping[str, Any], name: str) -> str:
    """A required text."""
    return _of_type(item[name], str)


def text_or_none(item: Mapping[str, Any], name: str) -> str | None:
    """An optional text; ``None`` if it is absent."""
    return text(item, name) if name in item else None


def whole(item: Mapping[str, Any], name: str) -> int:
    """A required whole number, not negative."""
    return whole_number(item[name])


def whole_or_none(item: Mapping[str, Any], name: str) -> int | None:
    """An optional whole number, not negative; ``None`` if it is absent."""
    return whole(item, name) if name in item else None


def second(item: Mapping[str, Any], name: str) -> int:
    """Required seconds since the epoch, of any size: ``times.rfc3339`` shows what no calendar has."""
    return _integer(item[name])


def second_or_none(item: Mapping[str, Any], name: str) -> int | None:
    """Optional seconds since the epoch; ``None`` if they are absent."""
    return second(item, name) if name in item else None


def flag(item: Mapping[str, Any], name: str) -> bool:
    """An optional flag; false if it is absent."""
    return _of_type(item.get(name, False), bool)


def binary(item: Mapping[str, Any], name: str) -> bytes:
    """Required bytes."""
    return _of_type(item[name], bytes)


def binary_or_none(item: Mapping[str, Any], name: str) -> bytes | None:
    """Optional bytes; ``None`` if they are absent."""
    return binary(item, name) if name in item else None


def texts(values: Iterable[Any]) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(_of_type(value, str) for value in _listed(values))


def rows(values: Iterable[Any], *types: type) -> Iterator[tuple[Any, ...]]:
    """A list of rows. Each has one value for each of ``types``."""
    for row in _listed(values):
        yield tuple(
            whole_number(value) if kind is int else _of_type(value, kind)
            for value, kind in zip(row, types, strict=True)
        )


def json_list(item: Mapping[str, Any], name: str) -> list[Any]:
    """A required list, stored as JSON text."""
    return _of_type(json.loads(text(item, name)), list)


def whole_number(value: Any) -> int:
    """A whole number, not negative, from a value of DynamoDB or JSON."""
    found: int = _integer(value)
    if found < 0:
        raise ValueError("negative")
    return found


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    found = int(value)
    if found != value:
        raise ValueError("not whole")
    if not -_WHOLE_MAX <= found <= _WHOLE_MAX:
        raise ValueError("not a number that is ever stored")
    return found


def _listed(values: Any) -> Iterable[Any]:
    if not isinstance(values, list | tuple | set | frozenset):
        raise TypeError("not a list")
    return values


def _of_type(value: Any, kind: type[Value]) -> Value:
    if not isinstance(value, kind):
        raise TypeError(f"not a {kind.__name__}")
    return value

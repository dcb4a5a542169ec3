"""Reads values out of stored items, and says of an item that is not what it should be that it is unreadable.

A decoder marked with ``decoder`` raises ``UnreadableItem`` and nothing else, whatever stands in the item: one
that was edited by hand, or written by a later version, must not look like a defect of the code around it.
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
"""The form of a holder's record, which a version that reads it has to know. Earlier versions wrote none."""

_UNDECODABLE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_WHOLE_MAX: Final = 2**126 - 1
"""DynamoDB keeps 38 digits of a number; a mask over hosts has a bit for each."""


def decoder(decode: Callable[[Any], Value]) -> Callable[[Mapping[str, Any]], Value]:
    """Marks what turns an item into a value."""

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
    """A text that has to be there."""
    return _of_type(item[name], str)


def text_or_none(item: Mapping[str, Any], name: str) -> str | None:
    """A text, ``None`` where it is absent."""
    return text(item, name) if name in item else None


def whole(item: Mapping[str, Any], name: str) -> int:
    """A whole number that has to be there and is not negative."""
    return whole_number(item[name])


def whole_or_none(item: Mapping[str, Any], name: str) -> int | None:
    """A whole number, ``None`` where it is absent."""
    return whole(item, name) if name in item else None


def second(item: Mapping[str, Any], name: str) -> int:
    """Seconds since the epoch that have to be there. One that no calendar has is shown as the nearest one."""
    return _integer(item[name])


def second_or_none(item: Mapping[str, Any], name: str) -> int | None:
    """Seconds since the epoch, ``None`` where they are absent."""
    return second(item, name) if name in item else None


def flag(item: Mapping[str, Any], name: str) -> bool:
    """Whether it is true; absent is false."""
    return _of_type(item.get(name, False), bool)


def binary(item: Mapping[str, Any], name: str) -> bytes:
    """Bytes that have to be there."""
    return _of_type(item[name], bytes)


def binary_or_none(item: Mapping[str, Any], name: str) -> bytes | None:
    """Bytes, ``None`` where they are absent."""
    return binary(item, name) if name in item else None


def texts(values: Iterable[Any]) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(_of_type(value, str) for value in _listed(values))


def rows(values: Iterable[Any], *types: type) -> Iterator[tuple[Any, ...]]:
    """A list of rows with one value of each type."""
    for row in _listed(values):
        yield tuple(
            whole_number(value) if kind is int else _of_type(value, kind)
            for value, kind in zip(row, types, strict=True)
        )


def json_list(item: Mapping[str, Any], name: str) -> list[Any]:
    """A list that is kept as JSON text."""
    return _of_type(json.loads(text(item, name)), list)


def whole_number(value: Any) -> int:
    """A whole number that is not negative, as DynamoDB or JSON has it."""
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

"""The JSON form of protocol buffers, read by the rules of proto3."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from gpu_capacity.http.protobuf.types import RANGES, EnumType, Field, Malformed, Message, Scalar

_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")


class Misfit(ValueError):
    """A JSON value does not fit its field.

    Args:
        place: the path to the field: names and indexes.
        problem: what it has to be.
    """

    def __init__(self, place: tuple[str | int, ...], problem: str) -> None:
        super().__init__(problem)
        self.place = place
        self.problem = problem


def of_json(message: Message, value: Any, place: tuple[str | int, ...] = ()) -> Any:
    """What the rules of protocol buffers make of a JSON value: the form that ``decode`` returns as well.

    Fields go by their JSON names or by those of the ``.proto`` file, ``null`` is absent, enums may be
    numbers, numbers may be texts, and unknown fields are ignored.

    Raises:
        Misfit: a value does not fit its field.
    """
    if message.of_text is not None:
        try:
            message.of_text(value if isinstance(value, str) else "")
        except Malformed as error:
            raise Misfit(place, str(error)) from None
        return value
    if not isinstance(value, dict):
        raise Misfit(place, "must be an object")
    found: dict[str, Any] = {}
    for field in message.fields:
        sent = [value[name] for name in dict.fromkeys((field.name, field.proto_name)) if name in value]
        if len(sent) > 1:
            raise Misfit((*place, field.name), "is given under both of its names")
        if sent and sent[0] is not None:
            found[field.name] = _field_of_json(field, sent[0], (*place, field.name))
    return found


def _field_of_json(field: Field, value: Any, place: tuple[str | int, ...]) -> Any:
    if field.is_map:
        if not isinstance(value, dict):
            raise Misfit(place, "must be an object")
        return {key: _one_of_json(field.kind, inner, (*place, key)) for key, inner in value.items()}
    if field.repeated:
        if not isinstance(value, list):
            raise Misfit(place, "must be a list")
        return [_one_of_json(field.kind, inner, (*place, index)) for index, inner in enumerate(value)]
    return _one_of_json(field.kind, value, place)


def _one_of_json(kind: Scalar | EnumType | Message, value: Any, place: tuple[str | int, ...]) -> Any:
    if isinstance(kind, Message):
        return of_json(kind, value, place)
    if isinstance(kind, EnumType):
        return _enum_of_json(kind, value, place)
    if kind is Scalar.STRING:
        if not isinstance(value, str):
            raise Misfit(place, "must be a text")
        return value
    number = _whole(value)
    lowest, highest = RANGES[kind]
    if number is None or not lowest <= number <= highest:
        raise Misfit(place, f"must be a whole number from {lowest} to {highest}")
    return number


def _enum_of_json(kind: EnumType, value: Any, place: tuple[str | int, ...]) -> str | int:
    if isinstance(value, str) and value in kind.values.values():
        return value
    number = None if isinstance(value, str) else _whole(value)
    lowest, highest = RANGES[Scalar.INT32]
    if number is None or not lowest <= number <= highest:
        raise Misfit(place, f"must be one of {', '.join(kind.values.values())}")
    return kind.values.get(number, number)


def _whole(value: Any) -> int | None:
    """A number that is whole, also as a text or written as ``2.0``; None if it is none."""
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        return None
    return int(value)

"""Descriptions of protocol buffers, which the codec follows.

In memory a message is what its JSON form is: a mapping from JSON names to values, with enums by name and
times as RFC 3339. So one description serves both encodings. The tables stand beside the API that speaks them,
and a test compares them with the ``.proto`` file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Malformed(ValueError):
    """The octets are no message. The text says why and repeats nothing of them."""


class Scalar(Enum):
    """Types of fields that are no messages."""

    STRING = auto()
    UINT32 = auto()
    INT32 = auto()
    INT64 = auto()


RANGES: Final = {
    Scalar.UINT32: (0, (1 << 32) - 1),
    Scalar.INT32: (-(1 << 31), (1 << 31) - 1),
    Scalar.INT64: (-(1 << 63), (1 << 63) - 1),
}
"""The lowest and the highest value of each type of number."""


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum; ``values`` are its names by their numbers. An unknown number stays a number."""

    name: str
    values: Mapping[int, str]

    def number(self, value: str | int) -> int:
        """The number of a value."""
        if isinstance(value, int):
            return value
        return next(number for number, name in self.values.items() if name == value)


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Args:
        name: with its package.
        fields: in the order of their numbers.
        as_text: how its JSON form, which is a text, becomes its fields; None if the form is an object.
        of_text: the way back. It raises ``Malformed`` if the fields stand for no value.
    """

    name: str
    fields: tuple[Field, ...] = ()
    as_text: Callable[[Mapping[str, int]], str] | None = None
    of_text: Callable[[str], dict[str, int]] | None = None

    def at(self, number: int) -> Field | None:
        """The field of a number, if there is one."""
        return next((field for field in self.fields if field.number == number), None)


@dataclass(frozen=True, slots=True)
class Field:
    """A field; ``name`` is its JSON name. A map has texts as keys, and ``kind`` is that of its values."""

    number: int
    name: str
    kind: Scalar | EnumType | Message
    repeated: bool = False
    is_map: bool = False

    @property
    def proto_name(self) -> str:
        """The name in the ``.proto`` file."""
        return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", self.name)

    @property
    def entry(self) -> Message:
        """What a map has on the wire: a repeated message of key and value."""
        return Message("", (Field(1, "key", Scalar.STRING), Field(2, "value", self.kind)))

"""The part of DynamoDB's low-level client that this package uses, and conversion of values for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

AttributeValue: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, AttributeValue]
Response: TypeAlias = dict[str, Any]

# The library's own annotations list every form of a value. Here one alias is enough.
_serializer: Any = TypeSerializer()
_deserializer: Any = TypeDeserializer()
_WHOLE_MAX: Final = 10**38 - 1
"""The largest whole number that DynamoDB keeps all digits of."""


class DynamoDBClient(Protocol):
    """The client from boto3, from moto, or the in-memory one of the tests."""

    def get_item(self, **kwargs: Any) -> Response:
        """Read one item."""

    def batch_get_item(self, **kwargs: Any) -> Response:
        """Read up to 100 items."""

    def query(self, **kwargs: Any) -> Response:
        """Read a range of one partition."""

    def put_item(self, **kwargs: Any) -> Response:
        """Write one item whole."""

    def update_item(self, **kwargs: Any) -> Response:
        """Change attributes of one item."""

    def delete_item(self, **kwargs: Any) -> Response:
        """Remove one item."""

    def transact_write_items(self, **kwargs: Any) -> Response:
        """Write up to 100 items, all or none."""


def encode(values: dict[str, Any]) -> Item:
    """Convert plain values to an item. ``None`` values are omitted, so optional attributes cost nothing."""
    return {name: encode_value(value) for name, value in values.items() if value is not None}


def encode_value(value: Any) -> AttributeValue:
    """Convert one plain value to its typed form.

    Raises:
        TypeError: DynamoDB has no such type.
    """
    written = _WRITTEN.get(type(value))
    if written is not None:
        return written(value)
    typed: AttributeValue = _serializer.serialize(value)
    return typed


def decode(item: Item) -> dict[str, Any]:
    """Convert an item to plain values. Numbers become ``Decimal``, binaries ``bytes``."""
    return {name: _decode_value(value) for name, value in item.items()}


def _decode_value(value: AttributeValue) -> Any:
    for tag, raw in value.items():
        if (read := _READ.get(tag)) is not None:
            return read(raw)
    return _deserializer.deserialize(value)


def _encode_whole(value: int) -> AttributeValue:
    if -_WHOLE_MAX <= value <= _WHOLE_MAX:
        return {"N": str(value)}
    typed: AttributeValue = _serializer.serialize(value)
    return typed


def _as_it_is(value: Any) -> Any:
    return value


# A region has thousands of values, and the library tries out what each one could be. What items consist of is
# converted here, several times faster; the library converts everything else.
_WRITTEN: Final[dict[type, Callable[[Any], AttributeValue]]] = {
    str: lambda text: {"S": text},
    int: _encode_whole,
    bytes: lambda binary: {"B": binary},
    bool: lambda flag: {"BOOL": flag},
    dict: lambda values: {"M": {name: encode_value(value) for name, value in values.items()}},
    list: lambda values: {"L": [encode_value(value) for value in values]},
    tuple: lambda values: {"L": [encode_value(value) for value in values]},
}
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "S": _as_it_is,
    "N": DYNAMODB_CONTEXT.create_decimal,
    "B": bytes,
    "BOOL": _as_it_is,
    "M": lambda values: {name: _decode_value(value) for name, value in values.items()},
    "L": lambda values: [_decode_value(value) for value in values],
}

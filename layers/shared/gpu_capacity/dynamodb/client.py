"""The part of DynamoDB's low-level client that the stores use, and the values they exchange with it."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer, TypeSerializer

AttributeValue: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, AttributeValue]
Response: TypeAlias = dict[str, Any]

# The library's own annotations enumerate every shape of a value; here it is one alias.
_serializer: Any = TypeSerializer()
_deserializer: Any = TypeDeserializer()

_PLAIN_BITS_MAX = 64
"""Of whole numbers that are surely none of more than 38 digits, which DynamoDB does not take."""


class DynamoDBClient(Protocol):
    """``boto3.client("dynamodb")``, moto's, and the in-memory one of the tests."""

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
    """Plain values to an item; ``None`` and absent are the same, so that optional fields cost nothing."""
    return {name: encode_value(value) for name, value in values.items() if value is not None}


def encode_value(value: Any) -> AttributeValue:
    """One plain value to its typed form."""
    # Nearly all are these; the library, which takes many times longer, knows the others and what is none.
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int and value.bit_length() <= _PLAIN_BITS_MAX:
        return {"N": str(value)}
    if kind is list:
        return {"L": [encode_value(element) for element in value]}
    if kind is dict:
        return {"M": {name: encode_value(element) for name, element in value.items()}}
    typed: AttributeValue = _serializer.serialize(value)
    return typed


def decode(item: Item) -> dict[str, Any]:
    """An item to plain values. Numbers are ``Decimal``, binaries ``bytes``."""
    return {
        # A claimed domain is a binary, and a region has thousands: the library takes many times longer.
        name: bytes(value["B"]) if "B" in value else _decode_value(value)
        for name, value in item.items()
    }


def _decode_value(value: AttributeValue) -> Any:
    for kind, raw in value.items():
        if kind == "S":
            return raw
        if kind == "N":
            return DYNAMODB_CONTEXT.create_decimal(raw)
        if kind == "L":
            return [_decode_value(element) for element in raw]
        if kind == "M":
            return {name: _decode_value(element) for name, element in raw.items()}
    return _deserializer.deserialize(value)

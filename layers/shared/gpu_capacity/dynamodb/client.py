"""The part of DynamoDB's low-level client that this package uses, and conversion of values for it."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

AttributeValue: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, AttributeValue]
Response: TypeAlias = dict[str, Any]

# The library's own annotations list every form of a value. Here one alias is enough.
_serializer: Any = TypeSerializer()
_deserializer: Any = TypeDeserializer()


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
    return {name: _serializer.serialize(value) for name, value in values.items() if value is not None}


def encode_value(value: Any) -> AttributeValue:
    """Convert one plain value to its typed form."""
    typed: AttributeValue = _serializer.serialize(value)
    return typed


def decode(item: Item) -> dict[str, Any]:
    """Convert an item to plain values. Numbers become ``Decimal``, binaries ``bytes``."""
    return {
        # Stamps and bookings are binaries, and a region has thousands. The library would take many times
        # longer.
        name: bytes(value["B"]) if "B" in value else _deserializer.deserialize(value)
        for name, value in item.items()
    }

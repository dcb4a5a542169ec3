"""Keys and indexes of a table: what create_table declares, and the checks that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from testkit.dynamodb.errors import RefusedError, invalid, invalid_for_item
from testkit.dynamodb.sizes import value_bytes
from testkit.dynamodb.values import Item, canonical_item, copied, sortable, type_of

KEY_BYTES_MAX = (2048, 1024)
"""Of a partition key and of a sort key."""
WRONG_KEY = "The provided key element does not match the schema"

# A key as plain sortable values: (partition key, sort key), the second None in a table without one.
Key = tuple[Any, Any]


@dataclass(frozen=True)
class KeyPair:
    """The names of a partition key and of a sort key, if there is one."""

    hash_name: str
    range_name: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The key attributes, partition key first."""
        return (self.hash_name,) if self.range_name is None else (self.hash_name, self.range_name)

    def of(self, item: Item) -> Key:
        """The plain key of an item that has all key attributes."""
        return sortable(item[self.hash_name]), self.range_of(item)

    def range_of(self, item: Item) -> Any:
        """The plain sort key of an item."""
        return None if self.range_name is None else sortable(item[self.range_name])


@dataclass(frozen=True)
class Index:
    """A global secondary index; `included` are the attributes of an INCLUDE projection."""

    name: str
    keys: KeyPair
    projection: str
    included: tuple[str, ...]
    table_keys: KeyPair

    def projected(self, item: Item | None) -> Item | None:
        """The item as the index holds it, None when it lacks a key of the index (the index is sparse)."""
        if item is None or any(name not in item for name in self.keys.names):
            return None
        if self.projection == "ALL":
            return item
        names = {*self.keys.names, *self.table_keys.names, *self.included}
        return {name: value for name, value in item.items() if name in names}

    def projects(self, attribute: str) -> bool:
        """Whether the index holds this attribute."""
        known = (*self.keys.names, *self.table_keys.names, *self.included)
        return self.projection == "ALL" or attribute in known


@dataclass(frozen=True)
class Schema:
    """The keys, the types of key attributes and the indexes of one table."""

    table_name: str
    keys: KeyPair
    types: dict[str, str]
    indexes: dict[str, Index]

    @classmethod
    def declared(cls, parameters: dict[str, Any]) -> Schema:
        """Return the schema that create_table declares. Raises RefusedError if its parameters disagree."""
        types = {
            entry["AttributeName"]: entry["AttributeType"] for entry in parameters["AttributeDefinitions"]
        }
        keys = _key_pair(parameters["KeySchema"])
        declared = parameters.get("GlobalSecondaryIndexes", [])
        indexes = {entry["IndexName"]: _index(entry, keys) for entry in declared}
        used = {name for pair in (keys, *(index.keys for index in indexes.values())) for name in pair.names}
        if used != set(types):
            raise invalid(
                "One or more parameter values were invalid: Some index key attributes are not defined in, or "
                f"too many are defined in AttributeDefinitions. Keys: {sorted(used)}, "
                f"AttributeDefinitions: {sorted(types)}"
            )
        return cls(parameters["TableName"], keys, types, indexes)

    def key(self, given: Item) -> Key:
        """Return the plain key of a Key parameter. Raises RefusedError if it is not exactly the key."""
        checked = canonical_item(given)
        if len(checked) != len(self.keys.names) or any(name not in checked for name in self.keys.names):
            raise invalid(WRONG_KEY)
        for name, value in checked.items():
            if type_of(value) != self.types[name]:
                raise invalid(WRONG_KEY)
        self._check_key_values(checked)
        return self.keys.of(checked)

    def key_of_item(self, item: Item) -> Key:
        """Return the plain key of an item. Raises RefusedError if a key attribute is missing or wrong."""
        for name in self.keys.names:
            if name not in item:
                raise invalid(
                    f"One or more parameter values were invalid: Missing the key {name} in the item"
                )
            actual, expected = type_of(item[name]), self.types[name]
            if actual != expected:
                raise invalid(
                    f"One or more parameter values were invalid: Type mismatch for key {name} "
                    f"expected: {expected} actual: {actual}"
                )
        self._check_key_values(item)
        return self.keys.of(item)

    def key_item(self, item: Item) -> Item:
        """Only the key attributes of an item, as a copy."""
        return {name: copied(item[name]) for name in self.keys.names}

    def check_index_keys(self, item: Item) -> None:
        """Refuse an item whose attributes cannot be keys of the indexes that they are declared for."""
        for index in self.indexes.values():
            for name in index.keys.names:
                if name not in item:
                    continue
                actual, expected = type_of(item[name]), self.types[name]
                if actual != expected:
                    raise invalid_for_item(
                        f"One or more parameter values were invalid: Type mismatch for Index Key {name} "
                        f"Expected: {expected} Actual: {actual} IndexName: {index.name}"
                    )
                if _is_empty(item, name):
                    raise invalid_for_item(
                        "One or more parameter values are not valid. A value specified for a secondary index "
                        "key is not supported. The AttributeValue for a key attribute cannot contain an "
                        f"empty string value. IndexName: {index.name}, IndexKey: {name}"
                    )

    def _check_key_values(self, item: Item) -> None:
        for name, bytes_max in zip(self.keys.names, KEY_BYTES_MAX, strict=False):
            if _is_empty(item, name):
                raise invalid(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute "
                    f"cannot contain an empty string value. Key: {name}"
                )
            if value_bytes(item[name]) > bytes_max:
                raise _too_long(name == self.keys.hash_name, bytes_max)


def _is_empty(item: Item, name: str) -> bool:
    value = item[name]
    return value.get("S") == "" or value.get("B") == b""


def _too_long(is_hash: bool, bytes_max: int) -> RefusedError:  # noqa: FBT001 - one caller, one line above
    kind = "hashkey" if is_hash else "rangekey"
    return invalid(
        f"One or more parameter values were invalid: Size of {kind} has exceeded the maximum size limit of "
        f"{bytes_max} bytes"
    )


def _key_pair(elements: list[dict[str, str]]) -> KeyPair:
    by_kind = {element["KeyType"]: element["AttributeName"] for element in elements}
    if "HASH" not in by_kind or len(by_kind) != len(elements):
        raise invalid("Invalid KeySchema: exactly one HASH key and at most one RANGE key are needed")
    return KeyPair(by_kind["HASH"], by_kind.get("RANGE"))


def _index(entry: dict[str, Any], table_keys: KeyPair) -> Index:
    projection = entry["Projection"]
    kind = projection.get("ProjectionType", "ALL")
    included = tuple(projection.get("NonKeyAttributes", []))
    if (kind == "INCLUDE") != bool(included):
        raise invalid(
            f"One or more parameter values were invalid: ProjectionType is {kind}, and NonKeyAttributes"
        )
    return Index(entry["IndexName"], _key_pair(entry["KeySchema"]), kind, included, table_keys)

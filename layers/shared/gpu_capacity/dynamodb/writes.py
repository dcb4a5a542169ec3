"""Writes as values.

A store builds a write as a value, which tests can print, compare and execute. Only ``Database.commit`` sends
it. Every write has a label, so that a refused condition is identified by a name and not by its place in a
list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.client import AttributeValue, Item
    from gpu_capacity.dynamodb.keys import Key

ACTIONS_MAX: Final = 100
"""DynamoDB's limit for the actions of one transaction. A larger transaction is refused, never split."""

EXPRESSION_BYTES_MAX: Final = 4096
"""DynamoDB's limit for one expression."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write an item whole."""

    label: str
    table: str
    item: Item
    condition: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, AttributeValue] = field(default_factory=dict)

    @property
    def target(self) -> Key:
        """The key of the item."""
        return {name: self.item[name] for name in ("pk", "sk")}

    def request(self) -> dict[str, Any]:
        """The keyword arguments of ``put_item``."""
        return _request({"TableName": self.table, "Item": self.item}, self)


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item. Creates the item unless the condition forbids it."""

    label: str
    table: str
    key: Key
    update: str
    condition: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, AttributeValue] = field(default_factory=dict)

    @property
    def target(self) -> Key:
        """The key of the item."""
        return self.key

    def request(self) -> dict[str, Any]:
        """The keyword arguments of ``update_item``."""
        return _request({"TableName": self.table, "Key": self.key, "UpdateExpression": self.update}, self)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item."""

    label: str
    table: str
    key: Key
    condition: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, AttributeValue] = field(default_factory=dict)

    @property
    def target(self) -> Key:
        """The key of the item."""
        return self.key

    def request(self) -> dict[str, Any]:
        """The keyword arguments of ``delete_item``."""
        return _request({"TableName": self.table, "Key": self.key}, self)


@dataclass(frozen=True, slots=True)
class Check:
    """Require a condition on an item that is not written. Only within a transaction."""

    label: str
    table: str
    key: Key
    condition: str
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, AttributeValue] = field(default_factory=dict)

    @property
    def target(self) -> Key:
        """The key of the item."""
        return self.key

    def request(self) -> dict[str, Any]:
        """The keyword arguments of a ``ConditionCheck``."""
        return _request({"TableName": self.table, "Key": self.key}, self)


Write: TypeAlias = Put | Update | Delete
Action: TypeAlias = Put | Update | Delete | Check

_OPERATION: Final = {Put: "Put", Update: "Update", Delete: "Delete", Check: "ConditionCheck"}


def transaction_item(action: Action) -> dict[str, Any]:
    """One entry of ``TransactItems``."""
    return {_OPERATION[type(action)]: action.request()}


def _request(target: dict[str, Any], write: Action) -> dict[str, Any]:
    request = dict(target)
    if write.condition is not None:
        request["ConditionExpression"] = write.condition
        # A refusal returns the current item, so that no further read is needed to find the reason.
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if write.names:
        request["ExpressionAttributeNames"] = write.names
    if write.values:
        request["ExpressionAttributeValues"] = write.values
    return request

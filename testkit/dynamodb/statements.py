"""One write: planned from its parameters, then decided against what is stored.

Planning refuses errors that do not depend on stored items; deciding checks the condition and builds the new
item. A transaction plans all of its statements before it decides the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testkit.dynamodb.conditions import parse_condition
from testkit.dynamodb.errors import ConditionFailedError, invalid, invalid_for_item
from testkit.dynamodb.evaluate import holds
from testkit.dynamodb.meter import WRITE, Meter
from testkit.dynamodb.sizes import ITEM_BYTES_MAX, index_write_units, item_bytes, write_units
from testkit.dynamodb.tokens import Placeholders
from testkit.dynamodb.updates import parse_update, updated
from testkit.dynamodb.values import Item, canonical_item, copied_item

if TYPE_CHECKING:
    from testkit.dynamodb.nodes import Action, Condition
    from testkit.dynamodb.schema import Key
    from testkit.dynamodb.storage import Storage, Table


@dataclass(frozen=True)
class Statement:
    """A planned write. `kind` is Put, Update, Delete or ConditionCheck."""

    kind: str
    table: Table
    key: Key
    key_item: Item
    item: Item | None
    actions: tuple[Action, ...]
    condition: Condition | None
    returns_old: bool

    @property
    def target(self) -> tuple[str, Key]:
        """The item that the statement acts on: two statements of a transaction may not share it."""
        return self.table.schema.table_name, self.key

    def before(self) -> Item | None:
        """What is stored now."""
        return self.table.get(self.key, {})

    def decide(self) -> Item | None:
        """Return the item after the write, None if it is deleted.

        Raises:
            ConditionFailedError: the condition does not hold.
            ItemRefusedError: the update does not fit the stored item, or the result is too large.
        """
        before = self.before()
        if self.condition is not None and not holds(self.condition, before or {}):
            shown = copied_item(before) if self.returns_old and before is not None else None
            raise ConditionFailedError(shown)
        if self.kind == "Delete":
            return None
        if self.kind == "ConditionCheck":
            return before
        if self.kind == "Put":
            return self.item
        after = updated(self.actions, before if before is not None else self.key_item)
        if item_bytes(after) > ITEM_BYTES_MAX:
            raise invalid_for_item("Item size to update has exceeded the maximum allowed size")
        self.table.schema.check_index_keys(after)
        return after

    def charge(self, meter: Meter, before: Item | None, after: Item | None, *, factor: int) -> None:
        """Count what the write costs. In a transaction the table's part counts twice: prepare and commit."""
        schema = self.table.schema
        meter.add(WRITE, factor * write_units(before, after), schema.table_name)
        for index in schema.indexes.values():
            was, becomes = index.projected(before), index.projected(after)
            same_key = (
                was is not None and becomes is not None and index.keys.of(was) == index.keys.of(becomes)
            )
            units = index_write_units(was, becomes, same_key=same_key)
            if units:
                # Indexes follow after the commit, so that a transaction does not double their part.
                meter.add(WRITE, units, schema.table_name, index.name)

    def charge_failure(self, meter: Meter, *, factor: int) -> None:
        """Count the units of a write whose condition failed: the stored item's size, at least 1."""
        meter.add(WRITE, factor * write_units(self.before(), None), self.table.schema.table_name)


def plan(storage: Storage, kind: str, parameters: dict[str, Any]) -> Statement:
    """Plan one write. Raises RefusedError for errors that do not depend on stored items."""
    table = storage.table(parameters["TableName"])
    placeholders = Placeholders(parameters)
    actions: tuple[Action, ...] = ()
    if "UpdateExpression" in parameters:
        actions = parse_update(parameters["UpdateExpression"], placeholders)
    condition = None
    if "ConditionExpression" in parameters:
        condition = parse_condition(parameters["ConditionExpression"], "ConditionExpression", placeholders)
    placeholders.check_all_used()
    item = None
    if kind == "Put":
        item = canonical_item(parameters["Item"])
        key = table.schema.key_of_item(item)
        if item_bytes(item) > ITEM_BYTES_MAX:
            raise invalid("Item size has exceeded the maximum allowed size")
        table.schema.check_index_keys(item)
    else:
        key = table.schema.key(parameters["Key"])
    for action in actions:
        if action.path.name in table.schema.keys.names:
            raise invalid(
                "One or more parameter values were invalid: "
                f"Cannot update attribute {action.path.name}. This attribute is part of the key"
            )
    return Statement(
        kind=kind,
        table=table,
        key=key,
        key_item=table.schema.key_item(item or canonical_item(parameters["Key"])),
        item=item,
        actions=actions,
        condition=condition,
        returns_old=parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
    )

"""get_item and batch_get_item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testkit.dynamodb.conditions import parse_projection
from testkit.dynamodb.errors import invalid
from testkit.dynamodb.evaluate import projected
from testkit.dynamodb.meter import READ, Meter
from testkit.dynamodb.sizes import item_bytes, read_units
from testkit.dynamodb.tokens import Placeholders
from testkit.dynamodb.values import Item, copied_item

if TYPE_CHECKING:
    from testkit.dynamodb.nodes import Path
    from testkit.dynamodb.storage import Storage

BATCH_READS_MAX = 100


def get_one(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """The item under a key; the response has no `Item` when there is none."""
    paths = _projection(parameters)
    item = _read(storage, meter, parameters["TableName"], parameters["Key"], parameters)
    return {} if item is None else {"Item": _shown(storage, item, paths)}


def batch_get(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return up to 100 items by key, in no defined order; missing ones are omitted."""
    requested = parameters["RequestItems"]
    if sum(len(batch["Keys"]) for batch in requested.values()) > BATCH_READS_MAX:
        raise invalid("Too many items requested for the BatchGetItem call")
    responses: dict[str, list[Item]] = {}
    for name, batch in requested.items():
        paths = _projection(batch)
        table = storage.table(name)
        keys = [table.schema.key(key) for key in batch["Keys"]]
        if len(set(keys)) < len(keys):
            raise invalid("Provided list of item keys contains duplicates")
        found = [_read(storage, meter, name, key, batch) for key in batch["Keys"]]
        # Reversed, so that no caller relies on the order of the request.
        responses[name] = [_shown(storage, item, paths) for item in reversed(found) if item is not None]
    return {"Responses": responses, "UnprocessedKeys": {}}


def _projection(parameters: dict[str, Any]) -> tuple[Path, ...] | None:
    text = parameters.get("ProjectionExpression")
    if text is None and "ExpressionAttributeNames" not in parameters:
        return None
    placeholders = Placeholders(parameters)
    paths = None if text is None else parse_projection(text, placeholders)
    placeholders.check_all_used()
    return paths


def _read(
    storage: Storage, meter: Meter, table_name: str, key: Item, parameters: dict[str, Any]
) -> Item | None:
    table = storage.table(table_name)
    plain = table.schema.key(key)
    consistent = parameters.get("ConsistentRead", False)
    item = table.get(plain, storage.past(table, consistent=consistent))
    meter.add(READ, read_units(item_bytes(item), consistent=consistent), table_name)
    return item


def _shown(storage: Storage, item: Item, paths: tuple[Path, ...] | None) -> Item:
    if paths is not None:
        return projected(paths, item)
    return item if storage.lends else copied_item(item)

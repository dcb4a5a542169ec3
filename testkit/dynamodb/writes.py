"""put_item, update_item, delete_item and batch_write_item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testkit.dynamodb.errors import ConditionFailedError, condition_failed, invalid
from testkit.dynamodb.evaluate import projected
from testkit.dynamodb.statements import Statement, plan
from testkit.dynamodb.values import Item, copied_item

if TYPE_CHECKING:
    from testkit.dynamodb.meter import Meter
    from testkit.dynamodb.storage import Storage

BATCH_WRITES_MAX = 25

RETURN_VALUES = {
    "Put": {"NONE", "ALL_OLD"},
    "Delete": {"NONE", "ALL_OLD"},
    "Update": {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"},
}


def write_one(storage: Storage, meter: Meter, kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run a single Put, Update or Delete; the response has `Attributes` if ReturnValues requests them."""
    returned = parameters.get("ReturnValues", "NONE")
    if returned not in RETURN_VALUES[kind]:
        raise invalid("Return values set to invalid value")
    statement = plan(storage, kind, parameters)
    before = statement.before()
    try:
        after = statement.decide()
    except ConditionFailedError as failure:
        statement.charge_failure(meter, factor=1)
        raise condition_failed(failure) from None
    statement.charge(meter, before, after, factor=1)
    storage.commit([(statement.table, statement.key, after)])
    attributes = _attributes(statement, returned, before, after)
    return {"Attributes": attributes} if attributes else {}


def batch_write(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run up to 25 unconditional puts and deletes; each is a separate write."""
    requests = [(name, request) for name, batch in parameters["RequestItems"].items() for request in batch]
    if len(requests) > BATCH_WRITES_MAX:
        raise invalid("Too many items requested for the BatchWriteItem call")
    statements = [_batched(storage, name, request) for name, request in requests]
    if len({statement.target for statement in statements}) < len(statements):
        raise invalid("Provided list of item keys contains duplicates")
    for statement in statements:
        before, after = statement.before(), statement.decide()
        statement.charge(meter, before, after, factor=1)
        storage.commit([(statement.table, statement.key, after)])
    return {"UnprocessedItems": {}}


def _batched(storage: Storage, table_name: str, request: dict[str, Any]) -> Statement:
    (action, parameters), *rest = request.items()
    if rest:
        raise invalid("Supplied AttributeValue has more than one datatypes set")
    return plan(storage, action.removesuffix("Request"), {"TableName": table_name, **parameters})


def _attributes(statement: Statement, returned: str, before: Item | None, after: Item | None) -> Item:
    if returned == "NONE":
        return {}
    shown = after if returned.endswith("_NEW") else before
    if shown is None:
        return {}
    if returned.startswith("UPDATED"):
        return projected([action.path for action in statement.actions], shown)
    return copied_item(shown)

"""transact_write_items and transact_get_items: all or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testkit.dynamodb.conditions import parse_projection
from testkit.dynamodb.errors import (
    CONDITION_FAILED_MESSAGE,
    ConditionFailedError,
    ItemRefusedError,
    RefusedError,
    cancelled,
    invalid,
)
from testkit.dynamodb.evaluate import projected
from testkit.dynamodb.meter import READ, Meter
from testkit.dynamodb.sizes import item_bytes, read_units
from testkit.dynamodb.statements import Statement, plan
from testkit.dynamodb.tokens import Placeholders
from testkit.dynamodb.values import Item, copied_item

if TYPE_CHECKING:
    from testkit.dynamodb.storage import Storage

ACTIONS_MAX = 100
TRANSACTION_BYTES_MAX = 4 * 1024 * 1024
TOKEN_CHARACTERS_MAX = 36

# Every item of a transaction is read or written twice: once to prepare, once to commit.
TRANSACTION_FACTOR = 2


def transact_write(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """Write all statements or none. Raises RefusedError with the reasons in statement order."""
    raw = parameters["TransactItems"]
    _check_count(raw)
    token = parameters.get("ClientRequestToken")
    if token is not None and not 1 <= len(token) <= TOKEN_CHARACTERS_MAX:
        raise invalid("Value at 'clientRequestToken' failed to satisfy constraint: length between 1 and 36")
    if token is not None and _is_replay(storage, meter, token, raw):
        return {}
    statements = [_planned(storage, entry) for entry in raw]
    if len({statement.target for statement in statements}) < len(statements):
        raise invalid("Transaction request cannot include multiple operations on one item")
    befores = [statement.before() for statement in statements]
    afters, reasons = _decided(statements)
    if any(reason["Code"] != "None" for reason in reasons):
        for statement in statements:
            statement.charge_failure(meter, factor=TRANSACTION_FACTOR)
        raise cancelled(reasons)
    if sum(item_bytes(after) for after in afters) > TRANSACTION_BYTES_MAX:
        raise invalid("Transaction request size cannot exceed 4 MB")
    changes = []
    for statement, before, after in zip(statements, befores, afters, strict=True):
        statement.charge(meter, before, after, factor=TRANSACTION_FACTOR)
        if statement.kind != "ConditionCheck":
            changes.append((statement.table, statement.key, after))
    storage.commit(changes)
    if token is not None:
        storage.remember(token, _frozen(raw), _replay_cost(statements, afters))
    return {}


def transact_get(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """Read up to 100 items at one moment; `Responses` are in the order of the requests."""
    raw = parameters["TransactItems"]
    _check_count(raw)
    responses: list[dict[str, Any]] = []
    seen: set[Any] = set()
    for entry in raw:
        get = entry["Get"]
        table = storage.table(get["TableName"])
        placeholders = Placeholders(get)
        paths = None
        if "ProjectionExpression" in get:
            paths = parse_projection(get["ProjectionExpression"], placeholders)
        placeholders.check_all_used()
        key = table.schema.key(get["Key"])
        target = (get["TableName"], key)
        if target in seen:
            raise invalid("Transaction request cannot include multiple operations on one item")
        seen.add(target)
        item = table.get(key, {})
        meter.add(READ, TRANSACTION_FACTOR * read_units(item_bytes(item), consistent=True), get["TableName"])
        if item is None:
            responses.append({})
        else:
            responses.append({"Item": copied_item(item) if paths is None else projected(paths, item)})
    return {"Responses": responses}


def _check_count(raw: list[Any]) -> None:
    if not 1 <= len(raw) <= ACTIONS_MAX:
        raise invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            f"Member must have length less than or equal to {ACTIONS_MAX}"
        )


def _planned(storage: Storage, entry: dict[str, Any]) -> Statement:
    if len(entry) != 1:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    ((kind, parameters),) = entry.items()
    return plan(storage, kind, parameters)


def _decided(statements: list[Statement]) -> tuple[list[Item | None], list[dict[str, Any]]]:
    """Return the items after the transaction and the cancellation reasons, both in statement order."""
    afters: list[Item | None] = []
    reasons: list[dict[str, Any]] = []
    for statement in statements:
        after: Item | None = None
        reason: dict[str, Any] = {"Code": "None"}
        try:
            after = statement.decide()
        except ConditionFailedError as failure:
            reason = {"Code": "ConditionalCheckFailed", "Message": CONDITION_FAILED_MESSAGE}
            if failure.item is not None:
                reason["Item"] = failure.item
        except ItemRefusedError as refusal:
            reason = {"Code": "ValidationError", "Message": refusal.message}
        afters.append(after)
        reasons.append(reason)
    return afters, reasons


def _is_replay(storage: Storage, meter: Meter, token: str, raw: list[Any]) -> bool:
    """Whether this token already succeeded. Raises RefusedError if it did with other statements."""
    known = storage.recall(token)
    if known is None:
        return False
    statements, cost = known
    if statements != _frozen(raw):
        raise RefusedError(
            "IdempotentParameterMismatchException",
            "Request parameters do not match those of an earlier request with this client request token",
        )
    for table_name, units in cost.items():
        meter.add(READ, units, table_name)
    return True


def _replay_cost(statements: list[Statement], afters: list[Item | None]) -> dict[str, float]:
    """Read units by table that the service bills for a repeated request token."""
    cost: dict[str, float] = {}
    for statement, after in zip(statements, afters, strict=True):
        name = statement.table.schema.table_name
        units = TRANSACTION_FACTOR * read_units(item_bytes(after), consistent=True)
        cost[name] = cost.get(name, 0.0) + units
    return cost


def _frozen(value: Any) -> Any:
    """Return a comparable copy, so that later changes of the caller's request do not affect it."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_frozen(inner) for inner in value]
    return value

"""Checks keyword arguments against boto3's model of the service, so that a wrong call fails as in boto3."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator

from testkit.dynamodb.errors import operation_title

if TYPE_CHECKING:
    from collections.abc import Hashable

_COMMON = {"TableName", "ReturnConsumedCapacity", "ExpressionAttributeNames", "ExpressionAttributeValues"}
_WRITE = _COMMON | {"ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"}
_SEARCH = _COMMON | {
    "IndexName",
    "Select",
    "Limit",
    "ConsistentRead",
    "FilterExpression",
    "ProjectionExpression",
    "ExclusiveStartKey",
}

# Supported parameters. The fake refuses all others that boto3 accepts, instead of ignoring them.
SUPPORTED: dict[str, set[str]] = {
    "create_table": {
        "TableName",
        "KeySchema",
        "AttributeDefinitions",
        "BillingMode",
        "GlobalSecondaryIndexes",
        "ProvisionedThroughput",
    },
    "describe_table": {"TableName"},
    "delete_table": {"TableName"},
    "get_item": (_COMMON - {"ExpressionAttributeValues"}) | {"Key", "ConsistentRead", "ProjectionExpression"},
    "batch_get_item": {"RequestItems", "ReturnConsumedCapacity"},
    "batch_write_item": {"RequestItems", "ReturnConsumedCapacity"},
    "put_item": _WRITE | {"Item"},
    "update_item": _WRITE | {"Key", "UpdateExpression"},
    "delete_item": _WRITE | {"Key"},
    "query": _SEARCH | {"KeyConditionExpression", "ScanIndexForward"},
    "scan": _SEARCH,
    "transact_write_items": {"TransactItems", "ClientRequestToken", "ReturnConsumedCapacity"},
    "transact_get_items": {"TransactItems", "ReturnConsumedCapacity"},
}


def check_parameters(operation: str, parameters: dict[str, Any]) -> None:
    """Refuse parameters that boto3 would not send or the fake does not support.

    boto3 judges by types, names and least lengths only: parameters that agree in those are checked once.

    Raises:
        ParamValidationError: boto3 would refuse this call before sending it.
        NotImplementedError: boto3 would send it, but the fake does not support this parameter.
    """
    outline = (operation, _outline(parameters))
    if outline in _GOOD:
        return
    report = ParamValidator().validate(parameters, _input_shape(operation))
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())
    unknown = sorted(set(parameters) - SUPPORTED[operation])
    if unknown:
        message = f"{operation} of the in-memory DynamoDB does not know {', '.join(unknown)}"
        raise NotImplementedError(message)
    _GOOD.add(outline)


_GOOD: Final[set[Hashable]] = set()
_LENGTH_MIN_MAX: Final = 3
"""The greatest of the least lengths in the model of the service."""


def _outline(value: object) -> Hashable:
    """Return what boto3 looks at in a value."""
    if isinstance(value, str):
        return min(len(value), _LENGTH_MIN_MAX)
    if isinstance(value, dict):
        return (dict, *((name, _outline(part)) for name, part in value.items()))
    if isinstance(value, (list, tuple)):
        return (type(value), *map(_outline, value))
    return type(value), value if isinstance(value, int) and value < 1 else None


@cache
def _input_shape(operation: str) -> Any:
    model = cast("Any", _service_model()).operation_model(operation_title(operation))
    return model.input_shape


@lru_cache(maxsize=1)
def _service_model() -> Any:
    return botocore.session.Session().get_service_model("dynamodb")

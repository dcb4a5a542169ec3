"""Refusals of the fake.

Inside the fake a refusal is an exception without an operation name; `to_client_error` converts it to the
`botocore.exceptions.ClientError` that boto3 would raise for that operation.

    RefusedError            the request is refused as a whole
    └── ItemRefusedError    because of what is stored; inside a transaction it is one statement's reason
    ConditionFailedError    a condition did not hold; carries the stored item where ALL_OLD asked for it
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

from botocore.exceptions import ClientError

REQUEST_ID = "FAKEREQUESTID00000000000000000000000000000000000000"
CONDITION_FAILED_MESSAGE = "The conditional request failed"


class RefusedError(Exception):
    """A refusal of the whole request.

    `code` is DynamoDB's error code, `members` the further top-level members of the response.
    """

    def __init__(
        self, code: str, message: str, members: dict[str, Any] | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members = members or {}
        self.status = status


class ItemRefusedError(RefusedError):
    """A validation that failed on the stored item, so that only this statement is the cause."""


class ConditionFailedError(Exception):
    """A condition did not hold. `item` is the stored item, None if there is none or it was not requested."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__(CONDITION_FAILED_MESSAGE)
        self.item = item


def invalid(message: str) -> RefusedError:
    """A ValidationException that does not depend on what is stored."""
    return RefusedError("ValidationException", message)


def invalid_for_item(message: str) -> ItemRefusedError:
    """A ValidationException that depends on what is stored."""
    return ItemRefusedError("ValidationException", message)


def no_such_table(name: str) -> RefusedError:
    """The answer of every operation to a table that does not exist."""
    return RefusedError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def condition_failed(failure: ConditionFailedError) -> RefusedError:
    """The refusal of a single write, with the stored item at the top level where ALL_OLD asked for it."""
    members = {} if failure.item is None else {"Item": failure.item}
    return RefusedError("ConditionalCheckFailedException", CONDITION_FAILED_MESSAGE, members)


def cancelled(reasons: list[dict[str, Any]]) -> RefusedError:
    """The refusal of a transaction; `reasons` in statement order, `{"Code": "None"}` for fine ones."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    return RefusedError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        {"CancellationReasons": reasons},
    )


def operation_title(operation: str) -> str:
    """`transact_write_items` as DynamoDB calls it: `TransactWriteItems`."""
    return "".join(word.capitalize() for word in operation.split("_"))


def to_client_error(operation: str, refusal: RefusedError) -> ClientError:
    """The exception that boto3 raises for this refusal of this operation (in snake case)."""
    response: dict[str, Any] = {
        "Error": {"Code": refusal.code, "Message": refusal.message},
        "ResponseMetadata": {
            "RequestId": REQUEST_ID,
            "HTTPStatusCode": int(HTTPStatus(refusal.status)),
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
        "message": refusal.message,
        **refusal.members,
    }
    return ClientError(cast("Any", response), operation_title(operation))

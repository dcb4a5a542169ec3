"""Classifies failed calls of AWS services: one table for DynamoDB, S3, Step Functions and Lambda.

The class depends on error codes and exception types, never on the text of a message.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, which is no OSError
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
)
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from collections.abc import Iterable

AwsError: TypeAlias = ClientError | BotoCoreError | ResponseParserError
AWS_ERRORS: Final = (ClientError, BotoCoreError, ResponseParserError)
"""What a client raises: an error of the service, no usable response, or a response that is not from AWS."""


class Failure(Enum):
    """What the caller can conclude from a failed call."""

    NOT_DONE = "not done"
    """The service refused the call for now and did nothing. Send it again after a pause."""

    CONFLICT = "conflict"
    """Another write on the same item was in progress. Nothing was done. Send the call again after a pause."""

    UNKNOWN = "unknown"
    """There was no usable response. The call may have been executed nevertheless."""

    DEFECT = "defect"
    """The call would fail again."""


_FAILURES: Final[dict[str, Failure]] = {
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "ExecutionLimitExceeded",
            "ProvisionedThroughputExceeded",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "Throttling",
            "ThrottlingError",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        Failure.NOT_DONE,
    ),
    **dict.fromkeys(
        (
            "ReplicatedWriteConflictException",
            "TransactionConflict",
            "TransactionConflictException",
            "TransactionInProgressException",
        ),
        Failure.CONFLICT,
    ),
    **dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ),
        Failure.UNKNOWN,
    ),
}
"""By error code, and by the reason code of a cancelled transaction."""

_NO_ANSWER: Final = (
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ResponseParserError,
)


class NoTimeLeft(BotoCoreError):
    """The call was not sent, because it could not have ended within the invocation."""

    fmt = "no time is left for {operation}"


def failure_of(error: AwsError) -> Failure:
    """Classify a failed call."""
    if not isinstance(error, ClientError):
        if isinstance(error, NoTimeLeft):
            return Failure.NOT_DONE
        return Failure.UNKNOWN if isinstance(error, _NO_ANSWER) else Failure.DEFECT
    if (known := _FAILURES.get(error_code(error))) is not None:
        return known
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.BAD_REQUEST)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Failure.NOT_DONE
    return Failure.UNKNOWN if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Failure.DEFECT


def failure_of_reasons(codes: Iterable[str | None]) -> Failure:
    """Classify a cancelled transaction by its reason codes, without those of refused conditions.

    A cancelled transaction has written nothing. A defect has precedence over all other reasons, and a
    conflict over a throttle, because it says more about when to try again.
    """
    found = {_FAILURES.get(code or "None", Failure.DEFECT) for code in codes if code not in (None, "None")}
    if not found or Failure.DEFECT in found:
        return Failure.DEFECT
    return Failure.CONFLICT if Failure.CONFLICT in found else Failure.NOT_DONE


def error_code(error: ClientError) -> str:
    """The error code of the service."""
    return error.response.get("Error", {}).get("Code", "")

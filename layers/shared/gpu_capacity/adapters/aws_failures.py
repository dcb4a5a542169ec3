"""What a failed call of an AWS service means: one table for DynamoDB, S3, Step Functions and Lambda.

Decided by codes and types, never by the text of a message.
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
"""What a client raises: a refusal by the service, no usable answer, an answer that is none of AWS's."""


class Failure(Enum):
    """What the caller may conclude."""

    NOT_DONE = "not done"
    """Refused for now, nothing was done: send it again after a pause."""

    CONFLICT = "conflict"
    """Another write was in flight on the same item, nothing was done: send it again after a pause."""

    UNKNOWN = "unknown"
    """No usable answer came: it may have been done all the same."""

    DEFECT = "defect"
    """Sent again, it would be refused again."""


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
"""By error code, and by the reason of a cancelled transaction."""

_NO_ANSWER: Final = (
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ResponseParserError,
)


class NoTimeLeft(BotoCoreError):
    """The call was not sent: it could not have ended within the invocation."""

    fmt = "no time is left for {operation}"


def failure_of(error: AwsError) -> Failure:
    """What a failed call means."""
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
    """What the reasons of a cancelled transaction mean, refused conditions left aside.

    Nothing was written whatever they are. One that would be given again outweighs all that would not, and a
    conflict outweighs a throttle: it says more of when to come back.
    """
    found = {_FAILURES.get(code or "None", Failure.DEFECT) for code in codes if code not in (None, "None")}
    if not found or Failure.DEFECT in found:
        return Failure.DEFECT
    return Failure.CONFLICT if Failure.CONFLICT in found else Failure.NOT_DONE


def error_code(error: ClientError) -> str:
    """The service's own code of a refusal."""
    return error.response.get("Error", {}).get("Code", "")

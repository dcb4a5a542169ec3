"""One table maps each failed call of an AWS service to its meaning."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from gpu_capacity.adapters.aws_failures import Failure, NoTimeLeft, failure_of, failure_of_reasons

URL = "https://service.invalid/"


def _refused(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(cast("Any", answer), "AnyOperation")


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TooManyRequestsException",
        "ExecutionLimitExceeded",
        "SlowDown",
    ],
)
@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_throttled_call_had_no_effect_whatever_its_status(code: str, status: int) -> None:
    assert failure_of(_refused(code, status)) is Failure.NOT_DONE


def test_an_unknown_code_with_the_status_of_throttling_counts_as_throttling() -> None:
    assert failure_of(_refused("Later", 429)) is Failure.NOT_DONE


@pytest.mark.parametrize(
    "code",
    ["TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException"],
)
def test_another_write_on_the_same_item_is_a_conflict(code: str) -> None:
    assert failure_of(_refused(code)) is Failure.CONFLICT


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalServerError", 500),
        ("InternalServerError", 400),
        ("ServiceUnavailable", 503),
        ("ServiceException", 500),
        ("InternalError", 500),
        ("RequestTimeout", 400),
        ("NeverHeardOf", 502),
    ],
)
def test_a_server_error_leaves_the_outcome_unknown(code: str, status: int) -> None:
    assert failure_of(_refused(code, status)) is Failure.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        SSLError(endpoint_url=URL, error=OSError("handshake")),
        ResponseParserError("<html>bad gateway</html>"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_missing_or_unusable_response_leaves_the_outcome_unknown(error: Any) -> None:
    assert failure_of(error) is Failure.UNKNOWN


def test_a_request_that_was_not_sent_had_no_effect() -> None:
    assert failure_of(NoTimeLeft(operation="put_item")) is Failure.NOT_DONE


@pytest.mark.parametrize(
    "error",
    [
        _refused("ValidationException"),
        _refused("AccessDeniedException"),
        _refused("ResourceNotFoundException", 404),
        ClientError(cast("Any", {}), "AnyOperation"),
        ParamValidationError(report="a wrong type"),
        NoCredentialsError(),
    ],
    ids=str,
)
def test_a_request_that_would_be_refused_again_is_a_programming_error(error: Any) -> None:
    assert failure_of(error) is Failure.DEFECT


@pytest.mark.parametrize(
    ("codes", "failure"),
    [
        (["ProvisionedThroughputExceeded"], Failure.NOT_DONE),
        (["None", "ThrottlingError", None], Failure.NOT_DONE),
        (["ThrottlingError", "TransactionConflict"], Failure.CONFLICT),
        (["InternalServerError"], Failure.NOT_DONE),
        (["ThrottlingError", "ValidationError"], Failure.DEFECT),
        (["ItemCollectionSizeLimitExceeded"], Failure.DEFECT),
        (["None", "None"], Failure.DEFECT),
        ([], Failure.DEFECT),
    ],
)
def test_the_reasons_of_a_cancelled_transaction_are_mapped(codes: list[str | None], failure: Failure) -> None:
    assert failure_of_reasons(codes) is failure

"""Interceptors that fail a call as the real service and the network do.

Use with `db.before(..)` where nothing may be stored, with `db.after(..)` where the write is stored and
only its answer is lost:

    db.before("put_item", throttled())
    db.after("transact_write_items", timeout_after())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from tests.fakes.dynamodb.errors import RefusedError, cancelled, to_client_error

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.fakes.dynamodb.hooks import Interceptor

ENDPOINT_URL = "https://dynamodb.invalid/"


def throttled() -> Interceptor:
    """ProvisionedThroughputExceededException: the item or partition takes no more writes this second."""
    return _refused(
        RefusedError(
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing "
            "your provisioning level with the UpdateTable API.",
        )
    )


def request_limited() -> Interceptor:
    """ThrottlingException: too many calls altogether."""
    return _refused(RefusedError("ThrottlingException", "Rate of requests exceeds the allowed throughput."))


def internal_error() -> Interceptor:
    """InternalServerError, status 500. Whether the write happened is not said: use it before and after."""
    return _refused(RefusedError("InternalServerError", "Internal server error", status=500))


def item_conflict() -> Interceptor:
    """TransactionConflictException: a single write met a transaction in flight on its item."""
    return _refused(RefusedError("TransactionConflictException", "Transaction is ongoing for the item"))


def transaction_conflict(n_reasons: int, at: int | Collection[int]) -> Interceptor:
    """A cancelled transaction of `n_reasons` statements that met another one at the statement(s) `at`."""
    return transaction_cancelled("TransactionConflict", "Transaction is ongoing for the item", n_reasons, at)


def transaction_throttled(n_reasons: int, at: int | Collection[int]) -> Interceptor:
    """A cancelled transaction whose statement(s) `at` were throttled."""
    return transaction_cancelled("ThrottlingError", "Throughput exceeds the current capacity", n_reasons, at)


def transaction_cancelled(code: str, message: str, n_reasons: int, at: int | Collection[int]) -> Interceptor:
    """A cancelled transaction with this reason at the statement(s) `at`, counted from 0."""
    places = {at} if isinstance(at, int) else set(at)
    if not places or not places <= set(range(n_reasons)):
        raise ValueError(f"statements {sorted(places)} are not all among {n_reasons}")
    return _refused(
        cancelled(
            [
                {"Code": code, "Message": message} if place in places else {"Code": "None"}
                for place in range(n_reasons)
            ]
        )
    )


def timeout_before() -> Interceptor:
    """The call never reached the service (a connection that timed out)."""
    return _raises(ConnectTimeoutError(endpoint_url=ENDPOINT_URL))


def timeout_after() -> Interceptor:
    """No answer came in time. With `db.after` the write is stored, and the caller cannot know."""
    return _raises(ReadTimeoutError(endpoint_url=ENDPOINT_URL))


def connection_reset() -> Interceptor:
    """The connection broke before an answer came. Whether the write happened is not said: before or after."""
    return _raises(ConnectionClosedError(endpoint_url=ENDPOINT_URL))


def unreachable() -> Interceptor:
    """The endpoint does not answer at all."""
    return _raises(EndpointConnectionError(endpoint_url=ENDPOINT_URL))


def _refused(refusal: RefusedError) -> Interceptor:
    def interceptor(operation: str, _parameters: dict[str, Any]) -> None:
        raise to_client_error(operation, refusal)

    return interceptor


def _raises(error: Exception) -> Interceptor:
    def interceptor(_operation: str, _parameters: dict[str, Any]) -> None:
        raise error

    return interceptor

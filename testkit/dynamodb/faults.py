"""Interceptors that fail a call as the real service and the network do.

Use with `db.before(..)` if nothing may be stored, with `db.after(..)` if the write is stored and only its
answer is lost:

    db.before("put_item", throttled())
    db.after("transact_write_items", timeout_after())
    db.before("*", storm(throttled_anyhow(draw), clock.now, clock.now() + 30), times=None)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from testkit.dynamodb.errors import RefusedError, cancelled, to_client_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from random import Random

    from testkit.dynamodb.hooks import Interceptor

ENDPOINT_URL = "https://dynamodb.invalid/"

_SHARE_OF_REASONS = 0.75


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


def transaction_throughput_exceeded(n_reasons: int, at: int | Collection[int]) -> Interceptor:
    """A cancelled transaction whose statement(s) `at` met an item or partition that takes no more."""
    return transaction_cancelled(
        "ProvisionedThroughputExceeded",
        "The level of configured provisioned throughput for one or more global secondary indexes of the "
        "table was exceeded",
        n_reasons,
        at,
    )


def throttled_anyhow(draw: Random) -> Interceptor:
    """A throttle in any form of the service: an exception, or a cancellation reason.

    `draw` chooses the form and, of a transaction, the statement.
    """

    def interceptor(operation: str, parameters: dict[str, Any]) -> None:
        statements = len(parameters.get("TransactItems", ()))
        if statements and draw.random() < _SHARE_OF_REASONS:
            form = draw.choice((transaction_throttled, transaction_throughput_exceeded))
            form(statements, draw.randrange(statements))(operation, parameters)
        draw.choice((throttled, request_limited, too_many_requests))()(operation, parameters)

    return interceptor


def too_many_requests() -> Interceptor:
    """RequestLimitExceeded: the account sends too many requests."""
    return _refused(RefusedError("RequestLimitExceeded", "Throughput exceeds the current limit."))


class Died(BaseException):
    """The caller's process has died: no code catches this."""


def dies(*_: object) -> None:
    """Kill the caller here."""
    raise Died


def storm(fault: Interceptor, now: Callable[[], float], until: float) -> Interceptor:
    """The same fault for every call until `now()` reaches `until`: register it with `times=None`."""

    def interceptor(operation: str, parameters: dict[str, Any]) -> None:
        if now() < until:
            fault(operation, parameters)

    return interceptor


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
    """No answer came in time. With `db.after` the write is stored, but the caller does not know it."""
    return _raises(ReadTimeoutError(endpoint_url=ENDPOINT_URL))


def connection_reset() -> Interceptor:
    """The connection broke before an answer came. The write may have happened: use it before and after."""
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

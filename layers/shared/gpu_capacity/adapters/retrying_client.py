"""Retries calls of AWS after transient failures, and sends none that could not end within the invocation.

The SDK's own retries ignore the deadline: four attempts on a slow service take longer than the function may
run, and the customer gets the gateway's error. So the SDK makes one attempt, and this client decides about
the next.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from gpu_capacity.adapters.aws_failures import (
    AWS_ERRORS,
    Failure,
    NoTimeLeft,
    error_code,
    failure_of,
    failure_of_reasons,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.adapters.aws_failures import AwsError
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.ports import Pause

CONNECT_SECONDS: Final = 1.0
READ_SECONDS: Final = 4.0
"""A call normally takes tens of milliseconds. If it takes seconds, a retry is better than waiting."""

ATTEMPT_SECONDS: Final = CONNECT_SECONDS + READ_SECONDS
READ_BACK_SECONDS: Final = ATTEMPT_SECONDS + 1.0
"""The time that must be left after a write: if its response gets lost, one read, including pauses, shows
whether it was committed."""

ATTEMPTS_MAX: Final = 4

_READS: Final = ("batch_get_", "describe_", "get_", "query", "scan", "transact_get_")


class RetryingClient:
    """Wraps a low-level client of any service and has the same methods.

    A failure of unknown outcome has precedence over later ones: if one attempt may have been executed, the
    error must not say that nothing was done.

    Args:
        client: a client made with ``total_max_attempts`` 1 and the time limits above.
        deadline: the deadline of the current invocation.
        pause: waits between attempts.
    """

    def __init__(self, client: Any, deadline: Deadline, pause: Pause) -> None:
        self._client = client
        self._deadline = deadline
        self._pause = pause

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """The operation with this name. It raises what the client raises, and ``NoTimeLeft``."""
        method = getattr(self._client, operation)

        def call(**request: Any) -> Any:
            if operation == "transact_write_items":
                # All attempts have the same token, so that a committed transaction does not refuse its own
                # retry.
                request.setdefault("ClientRequestToken", str(uuid.uuid4()))
            return self._call(operation, method, request)

        return call

    def _call(self, operation: str, method: Callable[..., Any], request: dict[str, Any]) -> Any:
        needed = ATTEMPT_SECONDS + (0.0 if operation.startswith(_READS) else READ_BACK_SECONDS)
        failure: AwsError | None = None
        for attempt in range(ATTEMPTS_MAX):
            if self._deadline.remaining_seconds() < needed:
                raise failure or NoTimeLeft(operation=operation)
            try:
                return method(**request)
            except AWS_ERRORS as error:
                found = _failure(error)
                may_be_done = failure is not None and _failure(failure) is Failure.UNKNOWN
                # If an earlier attempt may have been executed, a conflict may be with that attempt: retry.
                if found is Failure.DEFECT or (found is Failure.CONFLICT and not may_be_done):
                    raise
                if not may_be_done:
                    failure = error
            if attempt < ATTEMPTS_MAX - 1:
                self._pause(attempt)
        assert failure is not None, "every attempt returns or fails"  # noqa: S101 - for the types
        raise failure


def _failure(error: AwsError) -> Failure:
    """Classify a failed attempt; a cancelled transaction by its reasons."""
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        reasons: list[dict[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        return failure_of_reasons(reason.get("Code") for reason in reasons)
    return failure_of(error)

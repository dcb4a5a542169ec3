"""Sends calls of AWS again that failed in passing, and none that could not end within the invocation.

The SDK's own retries know no deadline: four attempts on a slow service outlast the function, and the
customer gets the gateway's answer. So the SDK is given one attempt, and this decides on the next one.
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
"""A call answers in tens of milliseconds; what takes seconds is sent again rather than waited for."""

ATTEMPT_SECONDS: Final = CONNECT_SECONDS + READ_SECONDS
LOOK_SECONDS: Final = ATTEMPT_SECONDS + 1.0
"""What a write leaves: should its answer get lost, one read tells whether it stands, pauses included."""

ATTEMPTS_MAX: Final = 4

_READS: Final = ("batch_get_", "describe_", "get_", "query", "scan", "transact_get_")


class RetryingClient:
    """A low-level client of any service, with the same methods.

    A failure whose outcome is unknown outweighs later ones: where one attempt may have been done, the caller
    is not told that nothing was.

    Args:
        client: made with ``total_max_attempts`` 1 and the time limits above.
        deadline: of the current invocation.
        pause: waits between attempts.
    """

    def __init__(self, client: Any, deadline: Deadline, pause: Pause) -> None:
        self._client = client
        self._deadline = deadline
        self._pause = pause

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """The operation of that name. Raises what the client raises, and ``NoTimeLeft``."""
        method = getattr(self._client, operation)

        def call(**request: Any) -> Any:
            if operation == "transact_write_items":
                # One token for all attempts: a transaction that stands is not refused by itself.
                request.setdefault("ClientRequestToken", str(uuid.uuid4()))
            return self._call(operation, method, request)

        return call

    def _call(self, operation: str, method: Callable[..., Any], request: dict[str, Any]) -> Any:
        needed = ATTEMPT_SECONDS + (0.0 if operation.startswith(_READS) else LOOK_SECONDS)
        failure: AwsError | None = None
        for attempt in range(ATTEMPTS_MAX):
            if self._deadline.remaining_seconds() < needed:
                raise failure or NoTimeLeft(operation=operation)
            try:
                return method(**request)
            except AWS_ERRORS as error:
                found = _failure(error)
                may_stand = failure is not None and _failure(failure) is Failure.UNKNOWN
                # What conflicts with an attempt that may have been done may be that attempt itself.
                if found is Failure.DEFECT or (found is Failure.CONFLICT and not may_stand):
                    raise
                if not may_stand:
                    failure = error
            if attempt < ATTEMPTS_MAX - 1:
                self._pause(attempt)
        assert failure is not None, "every attempt returns or fails"  # noqa: S101 - for the types
        raise failure


def _failure(error: AwsError) -> Failure:
    """What a failed attempt means; of a cancelled transaction by its reasons."""
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        reasons: list[dict[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        return failure_of_reasons(reason.get("Code") for reason in reasons)
    return failure_of(error)

"""Transient failures are retried; no request is sent that could not end within the invocation."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gpu_capacity.adapters.aws_failures import NoTimeLeft
from gpu_capacity.adapters.retrying_client import (
    ATTEMPT_SECONDS,
    ATTEMPTS_MAX,
    READ_BACK_SECONDS,
    RetryingClient,
)
from gpu_capacity.deadline import Deadline
from testkit.doubles import RecordedPause
from testkit.dynamodb.errors import RefusedError, to_client_error

WRITE, READ = "update_item", "get_item"
NEEDED = {WRITE: ATTEMPT_SECONDS + READ_BACK_SECONDS, READ: ATTEMPT_SECONDS}


class Service:
    """Returns the given results, one for each call, each after the given number of seconds."""

    def __init__(self, *answers: Any, seconds: float = 0.0) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = list(answers)
        self._seconds = seconds

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append((operation, request))
            self.now += self._seconds
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def _refused(code: str, status: int = 400) -> ClientError:
    return to_client_error(WRITE, RefusedError(code, "any text", status=status))


def _silence() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://service.invalid/")


def _client(service: Service, seconds: float = 1000.0) -> tuple[RetryingClient, RecordedPause]:
    deadline, pause = Deadline(lambda: service.now), RecordedPause()
    deadline.arm(seconds)
    return RetryingClient(service, deadline, pause), pause


def test_a_response_is_passed_on() -> None:
    service = Service({"Item": 1})
    client, pause = _client(service)

    assert client.get_item(TableName="t") == {"Item": 1}
    assert service.calls == [("get_item", {"TableName": "t"})]
    assert pause.attempts == []


@pytest.mark.parametrize(
    "failure", [_refused("ThrottlingException"), _refused("InternalServerError", 500), _silence()], ids=repr
)
def test_transient_failures_are_retried_after_growing_pauses(failure: Exception) -> None:
    service = Service(*[failure] * (ATTEMPTS_MAX - 1), "done")
    client, pause = _client(service)

    assert client.update_item() == "done"
    assert pause.attempts == list(range(ATTEMPTS_MAX - 1))


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "TransactionConflictException"]
)
def test_a_refusal_of_the_service_is_not_retried(code: str) -> None:
    service = Service(_refused(code))
    client, pause = _client(service)

    with pytest.raises(ClientError, match=code):
        client.update_item()
    assert pause.attempts == []


def test_after_the_last_attempt_the_failure_is_reported() -> None:
    service = Service(*[_refused("ThrottlingException")] * (ATTEMPTS_MAX + 1))
    client, pause = _client(service)

    with pytest.raises(ClientError, match="ThrottlingException"):
        client.update_item()
    assert len(service.calls) == ATTEMPTS_MAX
    assert len(pause.attempts) == ATTEMPTS_MAX - 1


def test_an_unknown_outcome_of_any_attempt_is_reported_whatever_comes_later() -> None:
    throttles = [_refused("ThrottlingException")] * ATTEMPTS_MAX
    client, _ = _client(Service(throttles[0], _silence(), *throttles))

    with pytest.raises(ReadTimeoutError):
        client.update_item()


@pytest.mark.parametrize("operation", [WRITE, READ])
def test_no_request_is_sent_that_could_not_end_in_time(operation: str) -> None:
    service = Service("done")
    client, _ = _client(service, NEEDED[operation] - 0.01)

    with pytest.raises(NoTimeLeft, match=operation):
        getattr(client, operation)()
    assert service.calls == []


@pytest.mark.parametrize("operation", [WRITE, READ])
def test_a_request_that_just_fits_is_sent(operation: str) -> None:
    client, _ = _client(Service("done"), NEEDED[operation])

    assert getattr(client, operation)() == "done"


@pytest.mark.parametrize("operation", [WRITE, READ])
def test_no_retry_is_made_that_does_not_fit(operation: str) -> None:
    service = Service(_silence(), "done", seconds=ATTEMPT_SECONDS)
    client, _ = _client(service, NEEDED[operation] + ATTEMPT_SECONDS - 0.01)

    with pytest.raises(ReadTimeoutError):
        getattr(client, operation)()
    assert len(service.calls) == 1


def test_a_write_reserves_time_for_the_read_that_resolves_it() -> None:
    service = Service(_silence(), {"Item": 1}, seconds=ATTEMPT_SECONDS)
    client, _ = _client(service, NEEDED[WRITE])
    with pytest.raises(ReadTimeoutError):
        client.update_item()

    assert client.get_item() == {"Item": 1}


@pytest.mark.parametrize("later", ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"])
def test_a_transaction_cancelled_after_a_timeout_leaves_the_outcome_unknown(
    later: str,
) -> None:
    """The last attempt may have been cancelled because the first one succeeded."""
    service = Service(_silence(), *[_cancelled(later)] * (ATTEMPTS_MAX - 1))
    client, _ = _client(service)

    with pytest.raises(ReadTimeoutError):
        client.transact_write_items(TransactItems=[])
    assert len(service.calls) == ATTEMPTS_MAX


def test_a_throttled_transaction_is_retried() -> None:
    service = Service(_cancelled("None", "ThrottlingError"), "done")
    client, _ = _client(service)

    assert client.transact_write_items(TransactItems=[]) == "done"


@pytest.mark.parametrize("reason", ["TransactionConflict", "ConditionalCheckFailed"])
def test_a_transaction_that_was_refused_is_not_retried(reason: str) -> None:
    service = Service(_cancelled(reason), "done")
    client, _ = _client(service)

    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=[])
    assert len(service.calls) == 1


def _cancelled(*codes: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(response, "TransactWriteItems")


def test_all_attempts_of_a_transaction_have_one_token_and_the_next_transaction_another() -> None:
    service = Service(_silence(), "done", "done")
    client, _ = _client(service)

    client.transact_write_items(TransactItems=[])
    client.transact_write_items(TransactItems=[])

    first, again, other = (request["ClientRequestToken"] for _, request in service.calls)
    assert first == again
    assert other != first


def test_no_other_call_has_a_token() -> None:
    service = Service("done")
    client, _ = _client(service)

    client.put_item(TableName="t")

    assert service.calls == [("put_item", {"TableName": "t"})]

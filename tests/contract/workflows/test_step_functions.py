"""Responses of Step Functions that the emulators never give."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gpu_capacity.adapters.step_functions import StepFunctionsWorkflows
from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import WorkflowState

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:stack-provision-reservation"


class ScriptedClient:
    """Returns the given response for each operation, and records the calls."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers

    def start_execution(self, **request: Any) -> Any:
        return self._answer("start_execution", request)

    def describe_execution(self, **request: Any) -> Any:
        return self._answer("describe_execution", request)

    def stop_execution(self, **request: Any) -> Any:
        return self._answer("stop_execution", request)

    def _answer(self, operation: str, request: dict[str, Any]) -> Any:
        self.asked.append((operation, request))
        answer = self._answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "told by the code, never by this"}}, "Operation")


def _workflows(**answers: Any) -> tuple[StepFunctionsWorkflows, ScriptedClient]:
    client = ScriptedClient(**answers)
    return StepFunctionsWorkflows(client, {"provision": ARN}), client


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("RUNNING", WorkflowState.RUNNING),
        ("SUCCEEDED", WorkflowState.ENDED),
        ("FAILED", WorkflowState.ENDED),
        ("TIMED_OUT", WorkflowState.ENDED),
        ("ABORTED", WorkflowState.ENDED),
    ],
)
def test_every_status_is_either_running_or_ended(status: str, state: WorkflowState) -> None:
    workflows, _ = _workflows(describe_execution={"status": status})
    assert workflows.state("provision", "name") is state


@pytest.mark.parametrize(
    "error",
    [
        _error("ThrottlingException"),
        _error("StateMachineDoesNotExist"),
        _error("AccessDeniedException"),
        ReadTimeoutError(endpoint_url="https://states.invalid/"),
    ],
    ids=["throttled", "no machine", "denied", "timeout"],
)
def test_any_other_response_means_unavailable_and_never_an_outcome(error: Exception) -> None:
    workflows, _ = _workflows(start_execution=error, describe_execution=error)
    with pytest.raises(WorkflowUnavailable):
        workflows.start("provision", "name", {})
    with pytest.raises(WorkflowUnavailable):
        workflows.state("provision", "name")


def test_a_stop_that_fails_is_unavailable() -> None:
    workflows, _ = _workflows(
        describe_execution={"status": "RUNNING"}, stop_execution=_error("ThrottlingException")
    )
    with pytest.raises(WorkflowUnavailable):
        workflows.stop("provision", "name", "over")


def test_the_arn_of_an_execution_follows_from_machine_and_name() -> None:
    workflows, client = _workflows(describe_execution={"status": "RUNNING"}, stop_execution={})
    workflows.stop("provision", "name", "the reservation is being deleted")
    execution = "arn:aws:states:us-east-1:123456789012:execution:stack-provision-reservation:name"
    assert client.asked == [
        ("describe_execution", {"executionArn": execution}),
        ("stop_execution", {"executionArn": execution, "cause": "the reservation is being deleted"}),
    ]

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from gpu_capacity.adapters.step_functions import StepFunctionsWorkflows
from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import WorkflowState

MACHINES = {"provision": "arn:aws:states:us-east-1:000000000000:stateMachine:stack-provision"}
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:stack-provision:one"


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "decides nothing"}}, "StartExecution")


FAILURES = [
    _error("ThrottlingException"),
    _error("StateMachineDoesNotExist"),
    _error("AccessDeniedException"),
    ReadTimeoutError(endpoint_url="https://states.invalid/"),
    EndpointConnectionError(endpoint_url="https://states.invalid/"),
]


class Client:
    """Records calls and returns prepared responses."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers

    def start_execution(self, **kwargs: Any) -> Any:
        return self._answer("start", kwargs)

    def describe_execution(self, **kwargs: Any) -> Any:
        return self._answer("describe", kwargs)

    def stop_execution(self, **kwargs: Any) -> Any:
        return self._answer("stop", kwargs)

    def _answer(self, call: str, kwargs: dict[str, Any]) -> Any:
        self.calls.append((call, kwargs))
        answer = self._answers.get(call, {})
        if isinstance(answer, Exception):
            raise answer
        return answer


def _workflows(client: Client) -> StepFunctionsWorkflows:
    return StepFunctionsWorkflows(client, MACHINES)


def test_an_execution_is_started_under_its_name_with_the_payload_as_json() -> None:
    client = Client()

    assert _workflows(client).start("provision", "one", {"reservation": "r"})
    ((_, sent),) = client.calls
    assert (sent["stateMachineArn"], sent["name"]) == (MACHINES["provision"], "one")
    assert json.loads(sent["input"]) == {"reservation": "r"}


def test_starting_under_a_used_name_is_no_error() -> None:
    assert not _workflows(Client(start=_error("ExecutionAlreadyExists"))).start("provision", "one", {})


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_a_start_that_fails_raises(error: Exception) -> None:
    workflows = _workflows(Client(start=error))

    with pytest.raises(WorkflowUnavailable):
        workflows.start("provision", "one", {})


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
def test_every_status_is_running_or_ended(status: str, state: WorkflowState) -> None:
    client = Client(describe={"status": status})

    assert _workflows(client).state("provision", "one") is state
    assert client.calls == [("describe", {"executionArn": EXECUTION})]


def test_an_execution_that_never_existed_is_absent() -> None:
    workflows = _workflows(Client(describe=_error("ExecutionDoesNotExist")))

    assert workflows.state("provision", "one") is WorkflowState.ABSENT


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_a_status_that_cannot_be_read_does_not_count_as_absent(error: Exception) -> None:
    workflows = _workflows(Client(describe=error))

    with pytest.raises(WorkflowUnavailable):
        workflows.state("provision", "one")


def test_a_running_execution_is_stopped_with_a_reason() -> None:
    client = Client(describe={"status": "RUNNING"})

    _workflows(client).stop("provision", "one", "deleted")

    assert client.calls == [
        ("describe", {"executionArn": EXECUTION}),
        ("stop", {"executionArn": EXECUTION, "cause": "deleted"}),
    ]


@pytest.mark.parametrize("answer", [{"status": "SUCCEEDED"}, _error("ExecutionDoesNotExist")])
def test_an_execution_that_does_not_run_is_left_alone(answer: Any) -> None:
    client = Client(describe=answer)

    _workflows(client).stop("provision", "one", "deleted")

    assert [call for call, _ in client.calls] == ["describe"]


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_a_stop_that_fails_raises(error: Exception) -> None:
    workflows = _workflows(Client(describe={"status": "RUNNING"}, stop=error))

    with pytest.raises(WorkflowUnavailable):
        workflows.stop("provision", "one", "deleted")

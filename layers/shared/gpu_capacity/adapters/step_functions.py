"""Workflows on AWS Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError

from gpu_capacity.adapters.aws_failures import AWS_ERRORS, error_code
from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import WorkflowState

if TYPE_CHECKING:
    from collections.abc import Mapping

_ABSENT: Final = "ExecutionDoesNotExist"
_USED: Final = "ExecutionAlreadyExists"


class StepFunctionsClient(Protocol):
    """The methods of ``boto3.client("stepfunctions")`` that are used here."""

    def start_execution(self, **kwargs: Any) -> Any:
        """Start an execution."""

    def describe_execution(self, **kwargs: Any) -> Any:
        """Describe an execution."""

    def stop_execution(self, **kwargs: Any) -> Any:
        """Stop an execution."""


class StepFunctionsWorkflows:
    """Starts, stops and describes executions by name.

    Args:
        client: a Step Functions client that retries transient failures.
        machine_arns: the ARN of the state machine, by workflow name.
    """

    def __init__(self, client: StepFunctionsClient, machine_arns: Mapping[str, str]) -> None:
        self._client = client
        self._arns = machine_arns

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        """Start an execution. False if the name was used; the same name and input twice start it once."""
        try:
            self._client.start_execution(
                stateMachineArn=self._arns[machine], name=name, input=json.dumps(payload)
            )
        except AWS_ERRORS as error:
            if _refused_as(error, _USED):
                return False
            raise WorkflowUnavailable(f"{machine}: not started") from error
        return True

    def state(self, machine: str, name: str) -> WorkflowState:
        """The state of the execution of that name."""
        try:
            answer = self._client.describe_execution(executionArn=self._execution(machine, name))
        except AWS_ERRORS as error:
            if _refused_as(error, _ABSENT):
                return WorkflowState.ABSENT
            raise WorkflowUnavailable(f"{machine}: not described") from error
        return WorkflowState.RUNNING if answer["status"] == "RUNNING" else WorkflowState.ENDED

    def stop(self, machine: str, name: str, cause: str) -> None:
        """Stop the execution if it is running. Does nothing if it ended or does not exist."""
        if self.state(machine, name) is not WorkflowState.RUNNING:
            return
        try:
            self._client.stop_execution(executionArn=self._execution(machine, name), cause=cause)
        except AWS_ERRORS as error:
            raise WorkflowUnavailable(f"{machine}: not stopped") from error

    def _execution(self, machine: str, name: str) -> str:
        return f"{self._arns[machine].replace(':stateMachine:', ':execution:')}:{name}"


def _refused_as(error: Exception, code: str) -> bool:
    return isinstance(error, ClientError) and error_code(error) == code

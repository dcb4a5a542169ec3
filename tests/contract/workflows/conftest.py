"""The workflow services that one suite runs over.

recorded   the in-memory one of the tests
moto       Step Functions by moto, in process
emulator   Step Functions by an emulator process; skipped only when its interpreter is missing
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from moto import mock_aws

from gpu_capacity.adapters.step_functions import StepFunctionsWorkflows
from testkit.doubles import RecordedWorkflows
from testkit.emulator import emulator_python, running_emulator
from tests.contract.dynamodb.backends import boto3_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.ports import Workflows

MACHINES = ("provision", "deprovision")
# Runs until it is stopped, which each test does where it needs it.
ENDLESS = {
    "QueryLanguage": "JSONata",
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 86_400, "End": True}},
}


class Bench(Protocol):
    """A workflow service with two machines whose executions run until they are stopped."""

    workflows: Workflows

    def executions(self, machine: str) -> list[dict[str, object]]:
        """The payload of every execution that ever existed."""

    def unreachable(self) -> Workflows:
        """The same machines, with the service unreachable."""


class RecordedBench:
    def __init__(self) -> None:
        self._recorded = RecordedWorkflows()
        self.workflows: Workflows = self._recorded

    def executions(self, machine: str) -> list[dict[str, object]]:
        started = self._recorded.executions.values()
        return [
            {key: value for key, value in execution.items() if key != "machine"}
            for execution in started
            if execution["machine"] == machine
        ]

    def unreachable(self) -> Workflows:
        self._recorded.down = True
        return self._recorded


class StepFunctionsBench:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._arns = {
            machine: client.create_state_machine(
                name=f"{machine}-{uuid.uuid4().hex}",
                definition=json.dumps(ENDLESS),
                roleArn="arn:aws:iam::123456789012:role/states",
            )["stateMachineArn"]
            for machine in MACHINES
        }
        self.workflows: Workflows = StepFunctionsWorkflows(client, self._arns)

    def executions(self, machine: str) -> list[dict[str, object]]:
        listed = self._client.list_executions(stateMachineArn=self._arns[machine])["executions"]
        described = (self._client.describe_execution(executionArn=e["executionArn"]) for e in listed)
        return [json.loads(execution["input"]) for execution in described]

    def unreachable(self) -> Workflows:
        # No process listens on the port of the discard protocol.
        return StepFunctionsWorkflows(boto3_client("http://127.0.0.1:9", "stepfunctions"), self._arns)


@pytest.fixture(scope="package")
def emulator_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_emulator(emulator_python(), tmp_path_factory.mktemp("emulator")) as url:
        yield boto3_client(url, "stepfunctions")


@pytest.fixture(params=["recorded", "moto", "emulator"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "recorded":
        yield RecordedBench()
    elif request.param == "moto":
        with mock_aws():
            yield StepFunctionsBench(boto3_client(None, "stepfunctions"))
    else:
        yield StepFunctionsBench(request.getfixturevalue("emulator_client"))

"""Fakes of AWS clients for the handlers, which record the actions that each handler used."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

ACCOUNT_PREFIX: Final = "arn:aws:states:us-east-1:123456789012"
MACHINES: Final = {
    workflow: f"{ACCOUNT_PREFIX}:stateMachine:gpu-capacity-{name}"
    for workflow, name in {
        "provision": "provision-reservation",
        "deprovision": "deprovision-reservation",
        "settle_claim": "settle-capacity-claim",
        "settle_placement": "settle-placement",
        "start_vm": "start-vm",
        "stop_vm": "stop-vm",
    }.items()
}


@dataclass(frozen=True, order=True)
class Access:
    """One permission that was used or granted: an IAM action on a resource of the template.

    ``keys`` is the pattern of its partition keys, as in ``dynamodb:LeadingKeys``; empty for the whole table,
    or if the request names no key.
    """

    action: str
    resource: str
    keys: str = ""

    def is_allowed_by(self, granted: AbstractSet[Access]) -> bool:
        """Whether the permissions include this one, or the same without a limit to keys."""
        return self in granted or replace(self, keys="") in granted


EVERYTHING: Final[dict[str, set[Access]]] = {}
"""The permissions that functions used in all tests of this process so far, by function."""


@dataclass
class Recorder:
    """Records the permissions that each function used."""

    function: str | None = None
    used: dict[str, set[Access]] = field(default_factory=dict)

    def note(self, action: str, resource: str, keys: str = "") -> None:
        """Record a permission if a function is running."""
        if self.function is not None:
            for known in (self.used, EVERYTHING):
                known.setdefault(self.function, set()).add(Access(action, resource, keys))

    def note_dynamodb(self, operation: str, parameters: dict[str, Any]) -> None:
        """Record what a call of DynamoDB needs: a transaction needs the permissions of all its parts."""
        if operation == "transact_write_items":
            for item in parameters["TransactItems"]:
                ((kind, request),) = item.items()
                action = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                self.note(f"dynamodb:{action}", request["TableName"], _leading(request))
        elif operation == "transact_get_items":
            for item in parameters["TransactItems"]:
                self.note("dynamodb:GetItem", item["Get"]["TableName"], _leading(item["Get"]))
        elif operation == "batch_get_item":
            for table in parameters["RequestItems"]:
                self.note("dynamodb:BatchGetItem", table)
        else:
            action = "".join(word.capitalize() for word in operation.split("_"))
            index = f"/{parameters['IndexName']}" if "IndexName" in parameters else ""
            self.note(f"dynamodb:{action}", parameters["TableName"] + index, _leading(parameters))


def _leading(request: dict[str, Any]) -> str:
    """Return the pattern of the partition key that a request names: ``ORG#*``, or ``VMS`` itself."""
    key = request.get("Key") or request.get("Item")
    kind, cut, _ = key["pk"]["S"].partition("#") if key else ("", "", "")
    return f"{kind}#*" if cut else kind


class MemoryStepFunctions:
    """Executions by ARN; none runs. ``down`` makes every call fail."""

    def __init__(self, recorder: Recorder) -> None:
        self.executions: dict[str, str] = {}
        self.down = False
        self._recorder = recorder

    def start_execution(self, **request: Any) -> dict[str, Any]:
        self._answer("StartExecution", request["stateMachineArn"])
        arn = f"{request['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{request['name']}"
        if arn in self.executions:
            raise _error("StartExecution", "ExecutionAlreadyExists")
        self.executions[arn] = "RUNNING"
        return {"executionArn": arn}

    def describe_execution(self, **request: Any) -> dict[str, Any]:
        self._answer("DescribeExecution", request["executionArn"])
        if request["executionArn"] not in self.executions:
            raise _error("DescribeExecution", "ExecutionDoesNotExist")
        return {"status": self.executions[request["executionArn"]]}

    def stop_execution(self, **request: Any) -> dict[str, Any]:
        self._answer("StopExecution", request["executionArn"])
        self.executions[request["executionArn"]] = "ABORTED"
        return {}

    def end_all(self) -> None:
        """End every execution."""
        self.executions = dict.fromkeys(self.executions, "FAILED")

    def names(self) -> list[str]:
        """Return the names of all executions, in the order of their start."""
        return [arn.rpartition(":")[2] for arn in self.executions]

    def _answer(self, action: str, arn: str) -> None:
        kind, machine = arn.removeprefix(f"{ACCOUNT_PREFIX}:").split(":")[:2]
        self._recorder.note(f"states:{action}", f"{kind}/{machine.removeprefix('gpu-capacity-')}")
        if self.down:
            raise _error(action, "ServiceUnavailable")


class MemoryLambda:
    """Asynchronous invocations by function name; none runs. ``down`` makes every call fail."""

    def __init__(self, recorder: Recorder) -> None:
        self.invocations: list[tuple[str, dict[str, Any]]] = []
        self.down = False
        self._recorder = recorder

    def invoke(self, **request: Any) -> dict[str, Any]:
        name = request["FunctionName"]
        self._recorder.note("lambda:InvokeFunction", f"function/{name.removeprefix('gpu-capacity-')}")
        if self.down:
            raise _error("Invoke", "TooManyRequestsException")
        assert request["InvocationType"] == "Event"
        self.invocations.append((name, json.loads(request["Payload"])))
        return {"StatusCode": 202}


class MemoryBus:
    """A bus and a queue: what was put on the one, and sent to the other. ``down`` makes every call fail."""

    def __init__(self, recorder: Recorder) -> None:
        self.entries: list[dict[str, Any]] = []
        self.letters: list[dict[str, Any]] = []
        self.down = False
        self._recorder = recorder

    def put_events(self, **request: Any) -> dict[str, Any]:
        self._recorder.note("events:PutEvents", "bus")
        if self.down:
            raise _error("PutEvents", "ThrottlingException")
        self.entries += request["Entries"]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in request["Entries"]]}

    def send_message(self, **request: Any) -> dict[str, Any]:
        self._recorder.note("sqs:SendMessage", "letters")
        if self.down:
            raise _error("SendMessage", "ThrottlingException")
        self.letters.append(json.loads(request["MessageBody"]))
        return {"MessageId": "1"}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        self._recorder.note("sqs:GetQueueAttributes", "letters")
        if self.down:
            raise _error("GetQueueAttributes", "ThrottlingException")
        counts = dict.fromkeys(request["AttributeNames"], "0")
        return {"Attributes": counts | {"ApproximateNumberOfMessages": str(len(self.letters))}}

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """Return the first letters; they stay, as who only looks makes them invisible for no time."""
        self._recorder.note("sqs:ReceiveMessage", "letters")
        if self.down:
            raise _error("ReceiveMessage", "ThrottlingException")
        assert request["VisibilityTimeout"] == 0
        some = self.letters[: request["MaxNumberOfMessages"]]
        noted = {"ErrorMessage": {"DataType": "String", "StringValue": "Task timed out"}}
        return {
            "Messages": [
                {
                    "MessageId": f"letter-{number}",
                    "Body": json.dumps(letter),
                    "Attributes": {"SentTimestamp": "1780000000000"},
                    "MessageAttributes": noted,
                }
                for number, letter in enumerate(some)
            ]
        }


class MemoryBucket:
    """The one object that the sync reads."""

    def __init__(self, recorder: Recorder) -> None:
        self.content: bytes | None = None
        self._recorder = recorder

    def get_object(self, **request: str) -> dict[str, Any]:
        self._recorder.note("s3:GetObject", request["Bucket"])
        if self.content is None:
            # Without the permission to list, S3 answers AccessDenied for a missing object.
            self._recorder.note("s3:ListBucket", request["Bucket"])
            raise _error("GetObject", "NoSuchKey")
        return {"ContentLength": len(self.content), "Body": io.BytesIO(self.content)}


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused by the fake"}}, operation)

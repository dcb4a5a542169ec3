"""The story of docs/events.md: a customer's queue gets what happens, and the history shows it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.test_reservations_story import delete_and_wait, reserve
from tests.history.test_schemas import check

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

TEMPLATE: Final = Path(__file__).parents[2] / "docs" / "events" / "queue.yaml"
ORGANIZATION, PROJECT = "e2e00000-0000-4000-8000-000000000001", "e2e00000-0000-4000-8000-000000000002"
NAME: Final = "events-of-the-story"
TOLD_SECONDS_MAX: Final = 60
WORDS: Final = ["created", "accepted", "changed", "provisioned", "ended", "released"]


def _queue(stack: Stack) -> str:
    """Deploy the template of the page, and return the address of its queue."""
    formation = stack.client("cloudformation")
    parameters = {"EventBusName": stack.output("EventBusName"), "OrganizationId": ORGANIZATION}
    formation.create_stack(
        StackName=NAME,
        TemplateBody=TEMPLATE.read_text("utf-8"),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    formation.get_waiter("stack_create_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (made,) = formation.describe_stacks(StackName=NAME)["Stacks"]
    address: str = made["Outputs"][0]["OutputValue"]
    return address


def _received(stack: Stack, queue: str, subject: str, last: str) -> list[dict[str, Any]]:
    """What the queue gets of a subject, until the last word."""
    sqs, found = stack.client("sqs"), []
    deadline = time.monotonic() + TOLD_SECONDS_MAX
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if event["subject"] == subject:
                found.append(event)
        if last in [event["data"]["event"] for event in found]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{last} was not told of {subject}, only {found}")


def test_a_queue_gets_the_life_of_a_reservation_and_the_history_shows_it(stack: Stack) -> None:
    token, queue = stack.token(ORGANIZATION, PROJECT), _queue(stack)
    other = stack.token("e2e00000-0000-4000-8000-00000000000a", PROJECT)
    made = reserve(stack, token, "us-chi-1", 1).json["metadata"]["id"]
    path = f"/api/v2/reservations/{made}"
    stack.wait_until(
        "provisioning",
        "GET",
        path,
        token=token,
        seen=lambda a: a.json["metadata"]["provisioningStatus"] == "provisioned",
    )
    delete_and_wait(stack, token, made)

    events = _received(stack, queue, f"reservations/{made}", "released")

    for event in events:
        check(event)
    in_order = sorted({event["id"]: event for event in events}.values(), key=lambda e: e["sequence"])
    assert [event["data"]["event"] for event in in_order] == WORDS
    answer = stack.call("GET", f"{path}/events", token=token)
    assert answer.status == 200
    assert [event["event"] for event in answer.json] == WORDS[::-1]
    assert [event["id"] for event in answer.json] == [event["id"] for event in reversed(in_order)]
    assert stack.call("GET", f"{path}/events", token=other).status == 404

"""Capacity events: sent without waiting; a lost one causes no failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gpu_capacity.adapters.lambda_events import LambdaEvents
from testkit.claims import LONDON
from testkit.doubles import RecordedTelemetry


class Invocations:
    """A Lambda client that records its invocations, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._failure = failure

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self._failure:
            raise self._failure
        return {"StatusCode": 202}


def test_an_event_names_its_zone_and_does_not_wait_for_the_filler() -> None:
    client = Invocations()
    LambdaEvents(client, "fill-capacity-claims", RecordedTelemetry()).freed(LONDON)
    [request] = client.requests
    assert request["FunctionName"] == "fill-capacity-claims"
    assert request["InvocationType"] == "Event"
    assert json.loads(request["Payload"]) == {"zones": [LONDON]}


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow down"}}, "Invoke"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke"),
        EndpointConnectionError(endpoint_url="https://lambda.invalid/"),
    ],
)
def test_a_lost_event_is_counted_and_logged_and_causes_no_failure(failure: Exception) -> None:
    telemetry = RecordedTelemetry()
    LambdaEvents(Invocations(failure), "fill-capacity-claims", telemetry).freed(LONDON)
    assert telemetry.counts["CapacityEventsLost"] == 1
    [(_, details)] = telemetry.lines
    assert details == {"zone": LONDON}


def test_a_programming_error_is_raised_and_not_taken_for_a_lost_event() -> None:
    events = LambdaEvents(Invocations(TypeError("a defect")), "fill-capacity-claims", RecordedTelemetry())
    with pytest.raises(TypeError):
        events.freed(LONDON)

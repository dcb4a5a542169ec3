"""Reports of faults in the reservations API: bodies and replies. They are an addition to the contract."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ConfigDict, Field, StrictStr

from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, as_json
from gpu_capacity.http.text_sizes import AtMostBytes, printable, saying
from gpu_capacity.placements.fault_reports import FaultOutcome, FaultReason
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call
    from gpu_capacity.placements.fault_reports import FaultReport

TEXT_BYTES_MAX = 1024


class FaultReportBody(Body):
    """What does not work."""

    model_config = ConfigDict(title="faultReport")

    reason: FaultReason
    text: (
        Annotated[StrictStr, AtMostBytes(TEXT_BYTES_MAX), AfterValidator(printable), AfterValidator(saying)]
        | None
    ) = Field(None, description="What operators should know. One line.")


class FaultReportAnswer(Body):
    """What was seen, and what comes of the report."""

    model_config = ConfigDict(title="faultReportAnswer")

    outcome: FaultOutcome = Field(
        description="`moving`: the server moves to another host. `recorded`: it stays."
    )
    infrastructure_ref: str = Field(description="The host. Empty if nothing knows it.")
    seen: str = Field(description="What a look at the host and the server has shown.")


def fault_of(call: Call[object]) -> tuple[FaultReason, str | None]:
    """What a request reports."""
    body = call.body(FaultReportBody)
    return body.reason, body.text


def reported(report: FaultReport) -> Reply:
    """202 with what was seen and what comes of it."""
    answer = FaultReportAnswer.model_construct(
        outcome=report.outcome, infrastructure_ref=report.host_id, seen=report.seen
    )
    return Reply(HTTPStatus.ACCEPTED, as_json(answer), NO_CACHE)

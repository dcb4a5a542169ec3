"""Reports of faults in the operators' API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.operations.list_fault_reports import list_fault_reports
from gpu_capacity.placements.fault_reports import FaultOutcome, FaultReason
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call
    from gpu_capacity.operations.list_fault_reports import Needs
    from gpu_capacity.placements.fault_reports import FaultReport


class FaultReportRead(Body):
    """A fault of a server or a host that a customer has reported."""

    model_config = ConfigDict(title="operatorFaultReport")

    region_id: str
    reported_time: Timestamp
    organization_id: str
    placement_id: str
    server_id: str
    host_id: str = Field(description="Empty if nothing knew the host.")
    reason: FaultReason
    outcome: FaultOutcome = Field(description="`moving`: the server moves, and its host is quarantined.")
    seen: str = Field(description="What a look at the host and the server has shown.")
    by: str
    text: str | None = Field(None, description="The customer's own words.")


def show_fault_reports(call: Call[Needs]) -> Reply:
    """200 with reports, latest first."""
    found = list_fault_reports(call.services, call.values("regionID"))
    return Reply(HTTPStatus.OK, [_view(report) for report in found], NO_CACHE)


def _view(report: FaultReport) -> dict[str, Any]:
    return as_json(
        FaultReportRead.model_construct(
            region_id=report.region_id,
            reported_time=timestamp(report.reported_at),
            organization_id=report.organization_id,
            placement_id=report.placement_id,
            server_id=report.server_id,
            host_id=report.host_id,
            reason=report.reason,
            outcome=report.outcome,
            seen=report.seen,
            by=report.by,
            text=report.text,
        )
    )

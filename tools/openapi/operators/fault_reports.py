"""Reports of faults in words: a part of the operators' API."""

from __future__ import annotations

from typing import Final

from gpu_capacity.operations.api.fault_reports import FaultReportRead
from tools.openapi.description import Answer, Json, OperationText, repeated
from tools.openapi.operators.tag import OPERATORS_TAG
from tools.openapi.reservation_examples import PLACEMENT_ID, SERVER_ID

PARAMETERS: Final[dict[str, Json]] = {
    "faultReportRegionIDQueryParameter": repeated("regionID", "Only reports of these regions."),
}

_REPORT: Final[Json] = {
    "regionId": "us-tex-1",
    "reportedTime": "2026-12-01T09:30:00Z",
    "organizationId": "a1b2c3d4-0000-4000-8000-000000000001",
    "placementId": PLACEMENT_ID,
    "serverId": SERVER_ID,
    "hostId": "pod1-rack03-tray00",
    "reason": "nvlink",
    "outcome": "moving",
    "seen": "its host is not ready: link 3 is down",
    "by": "user@example.com",
    "text": "NCCL hangs on this server",
}

OPERATIONS: Final = {
    "list_fault_reports": OperationText(
        tag=OPERATORS_TAG,
        summary="List fault reports",
        description="Lists the faults that customers have reported in the last 90 days, latest first.",
        parameters=("faultReportRegionIDQueryParameter",),
        answers={200: Answer("The reports.", FaultReportRead, many=True, example=[_REPORT])},
        errors=(400, 401, 403, 500),
    ),
}

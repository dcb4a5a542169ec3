"""Maintenances in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.inventory.maintenances import MaintenanceStatus
from gpu_capacity.operations.api.impact import DrainRead
from gpu_capacity.operations.api.maintenances import (
    MaintenanceBody,
    MaintenanceChangeBody,
    MaintenanceDetailRead,
    MaintenanceRead,
)
from tools.openapi.description import Answer, Json, OperationText, in_header, in_path, in_query, repeated
from tools.openapi.operators.tag import OPERATORS_TAG

PARAMETERS: Final[dict[str, Json]] = {
    "drainedPodIDParameter": in_path("podID", "The pod's id in the fleet document."),
    "maintenanceIDParameter": in_path("maintenanceID", "The maintenance's id."),
    "maintenanceRegionIDQueryParameter": repeated("regionID", "Only maintenances in one of these regions."),
    "maintenanceStatusQueryParameter": repeated(
        "status",
        "Only maintenances in one of these statuses.",
        {"type": "string", "enum": [status.value for status in MaintenanceStatus]},
    ),
    "maintenanceIfMatchParameter": {
        **in_header(
            "If-Match", "The ETag of the maintenance as you have read it. Without it the answer is 428."
        ),
        "example": '"3"',
    },
    "maintenanceDryRunQueryParameter": in_query(
        "dryRun", "With true everything is checked, and nothing is written.", type="boolean", default=False
    ),
}

_PLAN: Final[Json] = {
    "targets": [{"podId": "pod1", "domainId": "pod1-rack03"}],
    "startTime": "2026-12-07T08:00:00Z",
    "endTime": "2026-12-07T12:00:00Z",
    "reason": "new cables",
    "forceAfterSeconds": 172800,
}
_MAINTENANCE: Final[Json] = {
    "id": "d1c2b3a4-0000-4000-8000-000000000073",
    "revision": 3,
    "regionId": "us-tex-1",
    "targets": _PLAN["targets"],
    "startTime": _PLAN["startTime"],
    "endTime": _PLAN["endTime"],
    "reason": "new cables",
    "by": "operator@example.com",
    "creationTime": "2026-12-01T09:30:00Z",
    "status": "planned",
    "force": {"noticeTime": "2026-12-01T09:30:00Z", "effectiveTime": "2026-12-07T08:00:00Z"},
    "permits": [],
}
_HOST: Final[Json] = {
    "hostId": "pod1-rack03-tray00",
    "podId": "pod1",
    "since": "2026-12-07T08:00:12Z",
    "held": False,
    "inMaintenanceSince": "2026-12-07T08:00:12Z",
    "serverStopped": False,
}

_IMPACT: Final[Json] = {
    "hostCount": 18,
    "freeHostCount": 0,
    "holders": [
        {
            "kind": "reservation",
            "id": "c345cf7a-84a0-408c-816c-8b95a4144643",
            "organizationId": "a1b2c3d4-0000-4000-8000-000000000001",
            "status": "provisioned",
            "since": "2026-11-02T09:30:00Z",
            "hosts": ["pod1-rack03-tray00"],
        }
    ],
}

OPERATIONS: Final = {
    "get_pod_drain": OperationText(
        tag=OPERATORS_TAG,
        summary="Get the drain of a pod",
        description="Shows who is still in a pod, since when, and until when if known. Cordon the pod "
        "so that the list empties.",
        parameters=("regionIDParameter", "drainedPodIDParameter"),
        answers={
            200: Answer(
                "The drain.",
                DrainRead,
                example={"regionId": "us-tex-1", "podId": "pod1", "empty": False, "impact": _IMPACT},
            )
        },
        errors=(400, 401, 403, 404, 500),
    ),
    "list_maintenances": OperationText(
        tag=OPERATORS_TAG,
        summary="List maintenances",
        description="Lists maintenances, those that begin first first; when they are over for 30 more days.",
        parameters=("maintenanceRegionIDQueryParameter", "maintenanceStatusQueryParameter"),
        answers={200: Answer("The maintenances.", MaintenanceRead, many=True, example=[_MAINTENANCE])},
        errors=(400, 401, 403, 500),
    ),
    "get_maintenance": OperationText(
        tag=OPERATORS_TAG,
        summary="Get a maintenance",
        description="Returns a maintenance with the hosts that it has taken.",
        parameters=("maintenanceIDParameter",),
        answers={
            200: Answer(
                "The maintenance.",
                MaintenanceDetailRead,
                example={**_MAINTENANCE, "status": "open", "hosts": [_HOST]},
                headers=("ETag",),
            )
        },
        errors=(400, 401, 403, 404, 500),
    ),
    "plan_maintenance": OperationText(
        tag=OPERATORS_TAG,
        summary="Plan a maintenance",
        description="Plans work on hardware in a window of time. New holders are kept off from now on, and "
        "holders read of it. Free hosts go into the provider's maintenance when the window opens, held ones "
        "when they become free or their holder allows it, or by force after a notice.",
        parameters=("maintenanceDryRunQueryParameter",),
        request=MaintenanceBody,
        request_example={"regionId": "us-tex-1", **_PLAN},
        answers={
            200: Answer(
                "Only with dryRun: the maintenance as it would be.", MaintenanceRead, example=_MAINTENANCE
            ),
            201: Answer("The maintenance.", MaintenanceRead, example=_MAINTENANCE, headers=("ETag",)),
        },
        errors=(400, 401, 403, 404, 413, 415, 500),
    ),
    "change_maintenance": OperationText(
        tag=OPERATORS_TAG,
        summary="Change a maintenance",
        description="Replaces targets, window, reason and force. The beginning of an open maintenance stays. "
        "Hosts that are no target any more come back. A later end, or another target, ends what holders have "
        "allowed. Notice of force is given again where holders could "
        "not have read of it.",
        parameters=(
            "maintenanceIDParameter",
            "maintenanceDryRunQueryParameter",
            "maintenanceIfMatchParameter",
        ),
        request=MaintenanceChangeBody,
        request_example=_PLAN,
        answers={
            200: Answer(
                "The maintenance as it is, or would be.",
                MaintenanceRead,
                example=_MAINTENANCE,
                headers=("ETag",),
            )
        },
        errors=(400, 401, 403, 404, 409, 412, 413, 415, 428, 500),
    ),
    "cancel_maintenance": OperationText(
        tag=OPERATORS_TAG,
        summary="Cancel a maintenance",
        description="Cancels a maintenance: its hosts come back, and then it is for sale again. A repeat "
        "does nothing.",
        parameters=("maintenanceIDParameter",),
        answers={
            202: Answer(
                "The maintenance, which is ending.",
                MaintenanceRead,
                example={**_MAINTENANCE, "status": "ending"},
            )
        },
        errors=(400, 401, 403, 404, 500),
    ),
}

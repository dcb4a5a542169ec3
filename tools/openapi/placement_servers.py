"""Servers of placements in words: a part of the reservations API. Names follow the published contract."""

from __future__ import annotations

from typing import Final

from gpu_capacity.placements.api.fault_reports import FaultReportAnswer, FaultReportBody
from gpu_capacity.placements.api.servers import PlacementServerRead
from tools.openapi.description import Answer, Json, OperationText, in_header, in_path, in_query
from tools.openapi.reservation_examples import CREATED, PLACEMENT_ID, RESERVATION_ID, SERVER_ID

TAG: Final = "Placement Servers"
TAG_TEXT: Final = "The servers of a placement, one on each of its hosts."

_ACT_ERRORS: Final = (400, 401, 403, 404, 409, 500)
_NAMES: Final = ("placementIDParameter", "serverIDParameter", "organizationIDQueryParameter")

PARAMETERS: Final[dict[str, Json]] = {
    "serverIDParameter": in_path("serverID", "The server's id.", minLength=1, maxLength=128),
    "hardParameter": in_query(
        "hard",
        "With true the server is switched off and on, whatever its system is doing.",
        type="boolean",
        default=False,
    ),
    "serverIfMatchParameter": in_header(
        "If-Match", "Kept for later: a request that has it is refused with 409, and does nothing."
    ),
}

_SERVER: Final[Json] = {
    "metadata": {
        "id": SERVER_ID,
        "name": "workers-0",
        **CREATED,
        "creationTime": "2026-04-28T11:02:10Z",
        "provisioningStatus": "provisioned",
        "provisioningStatusDetail": {"reason": "Provisioned", "message": "its image is on the host"},
        "healthStatus": "healthy",
        "healthStatusDetail": {"reason": "Healthy", "message": "its host is ready"},
    },
    "status": {
        "regionId": "uk-lon-1",
        "reservationId": RESERVATION_ID,
        "placementId": PLACEMENT_ID,
        "networkId": "b1946ac9-2492-4d23-8a5b-0c3e7d3d1f11",
        "infrastructureRef": "6d1f7a7e-5d1b-4f0e-8f55-0b6a1d6d5a10",
        "ordinal": 0,
        "hostReadiness": "Ready",
        "powerState": "Running",
        "privateIP": "10.20.0.11",
        "macAddress": "02:00:0a:14:00:0b",
        "driftState": "UpToDate",
        "topologyPath": ["nvl-a7", "pod-1"],
    },
}


def _action(summary: str, description: str, *parameters: str) -> OperationText:
    return OperationText(
        tag=TAG,
        summary=summary,
        description=description,
        parameters=(*_NAMES, *parameters),
        answers={202: Answer("The request was accepted. The server shows how far it is.")},
        errors=_ACT_ERRORS,
    )


OPERATIONS: Final[dict[str, OperationText]] = {
    "list_placement_servers": OperationText(
        tag=TAG,
        summary="List servers of a placement",
        description="Lists one server for each host, in order of ordinals, as they are at this moment.",
        parameters=("placementIDParameter", "organizationIDQueryParameter"),
        answers={
            200: Answer("A list of servers.", PlacementServerRead, many=True, example=[_SERVER]),
        },
        errors=(400, 401, 403, 404, 500),
    ),
    "get_placement_server": OperationText(
        tag=TAG,
        summary="Get server of a placement",
        description="Shows one server as it is at this moment: what to poll after an action.",
        parameters=_NAMES,
        answers={200: Answer("A server.", PlacementServerRead, example=_SERVER)},
        errors=(400, 401, 403, 404, 500),
    ),
    "start_placement_server": _action(
        "Start server",
        "Starts a server that is stopped; an addition to the contract. Does nothing to one that runs.",
    ),
    "stop_placement_server": _action(
        "Stop server",
        "Stops a server that runs; its host and its disks stay. Does nothing to one that is stopped.",
    ),
    "reboot_placement_server": _action(
        "Reboot server", "Reboots a server that runs, by its system, or hard.", "hardParameter"
    ),
    "reconcile_placement_server": _action(
        "Reconcile server",
        "Gives one server the image of its placement; its local disks are lost. Tries a server again that "
        "failed, and does nothing to one that is up to date.",
        "serverIfMatchParameter",
    ),
    "report_placement_server_fault": OperationText(
        tag=TAG,
        summary="Report a fault",
        description="Reports that a server or its host does not work; an addition to the contract. Both are "
        "looked at. Unless both are well, the server moves to another host and its host is set aside.",
        parameters=_NAMES,
        request=FaultReportBody,
        request_example={"reason": "nvlink", "text": "NCCL hangs on this server"},
        answers={
            202: Answer(
                "What was seen, and what comes of it.",
                FaultReportAnswer,
                example={
                    "outcome": "moving",
                    "infrastructureRef": "6d1f7a7e-5d1b-4f0e-8f55-0b6a1d6d5a10",
                    "seen": "its host is not ready: link 3 is down",
                },
            )
        },
        errors=(400, 401, 403, 404, 409, 413, 415, 500),
    ),
}

"""Placements in words: parameters, answers and examples. They share those of reservations."""

from __future__ import annotations

from typing import Final

from gpu_capacity.placements.api import models
from tools.openapi import creating, events, placement_servers
from tools.openapi.description import Answer, ApiText, Json, OperationText
from tools.openapi.reservation_errors import ERRORS
from tools.openapi.reservation_examples import CREATED, PLACEMENT_ID, RESERVATION_ID
from tools.openapi.reservations import PARAMETERS, listed

_PLACEMENTS: Final = "Placements"

_NETWORK: Final = "5ef0be1c-32d3-4438-ba8b-b8ed78e08639"
_METADATA: Final[Json] = {"name": "workers", "tags": [{"name": "workload", "value": "training"}]}
_SPEC: Final[Json] = {
    "count": 4,
    "constraints": {"policy": "spread", "maxSkew": 1},
    "serverSpec": {
        "imageId": "ubuntu-24.04",
        "networking": {"publicIP": False, "securityGroups": ["95668f5b-f0c8-4763-96ab-b55e0bafa708"]},
    },
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}},
}
_REQUEST: Final[Json] = {
    "metadata": _METADATA,
    "spec": {"reservationId": RESERVATION_ID, "networkId": _NETWORK, **_SPEC},
}
_METADATA_READ: Final[Json] = {
    **_METADATA,
    "id": PLACEMENT_ID,
    **CREATED,
    "provisioningStatus": "pending",
    "provisioningStatusDetail": {
        "reason": "Provisioning",
        "message": "hosts for 4 servers taken; booting them begins in a moment",
    },
    "healthStatus": "unknown",
    "healthStatusDetail": {"reason": "Unknown", "message": "0 of 4 servers are provisioned"},
}
_PLACEMENT: Final[Json] = {
    "metadata": _METADATA_READ,
    "spec": _SPEC,
    "status": {
        "regionId": "us-tex-1",
        "reservationId": RESERVATION_ID,
        "networkId": _NETWORK,
        "statusCurrent": True,
        "readyHostCount": 0,
        "updatedHostCount": 0,
        "driftedHostCount": 4,
        "inFlightCount": 4,
        "stalledCount": 0,
        "maxUnavailable": 1,
    },
}
_ONE: Final = Answer("A placement.", models.PlacementRead, example=_PLACEMENT)

PLACEMENTS: Final = ApiText(
    tags={
        _PLACEMENTS: "Servers on hosts of a reservation.",
        placement_servers.TAG: placement_servers.TAG_TEXT,
    },
    parameters={**PARAMETERS, **placement_servers.PARAMETERS},
    errors=ERRORS,
    schema_names={
        **events.SCHEMA_NAMES,
        "Drift": "placementServerV2DriftState",
        "Health": "resourceHealthStatus",
        "Policy": "placementV2Policy",
        "Readiness": "placementV2ReadinessMode",
        "StrategyType": "placementV2UpdateStrategyType",
        "Unsatisfiable": "placementV2WhenUnsatisfiable",
    },
    operations={
        **placement_servers.OPERATIONS,
        "create_placement": OperationText(
            tag=_PLACEMENTS,
            summary="Create placement",
            description="Takes hosts of a provisioned reservation at once, all or none, and boots a server "
            "on each afterwards: poll the placement until it is provisioned or error.",
            parameters=creating.NAMES,
            request=models.PlacementCreate,
            request_example=_REQUEST,
            answers=creating.answers("placement", _ONE),
            errors=(400, 401, 403, 404, 409, 413, 415, 422, 500),
        ),
        "list_placements": listed(
            _PLACEMENTS, "placement", _ONE, "reservationIDQueryParameter", "networkIDQueryParameter"
        ),
        "list_placement_events": events.of_project(_PLACEMENTS, "placement", "placementIDParameter"),
        "get_placement": OperationText(
            tag=_PLACEMENTS,
            summary="Get placement",
            description="Shows one placement with what the host provider says of its servers now. While it "
            "is being torn down it says deprovisioning, and afterwards it is not there.",
            parameters=("placementIDParameter", "organizationIDQueryParameter"),
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 500),
        ),
        "update_placement": OperationText(
            tag=_PLACEMENTS,
            summary="Update placement",
            description="Changes the image, or how servers get it; anything else that differs is refused. "
            "Without an update strategy the present one stays.",
            parameters=("placementIDParameter", "organizationIDQueryParameter"),
            request=models.PlacementUpdate,
            request_example={"metadata": _METADATA, "spec": _SPEC},
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 409, 413, 415, 500),
        ),
        "delete_placement": OperationText(
            tag=_PLACEMENTS,
            summary="Delete placement",
            description="Begins to tear down, whatever the status: its servers are deleted, and its hosts go "
            "back to the reservation. Repeated meanwhile, it changes nothing.",
            parameters=("placementIDParameter", "organizationIDQueryParameter"),
            answers={202: Answer("The teardown was accepted.")},
            errors=(400, 401, 403, 404, 500),
        ),
    },
)

"""Placements in words: parameters, answers and examples. They share those of reservations."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gpu_capacity.placements.api import models
from tools.openapi import creating, paging, placement_servers
from tools.openapi.description import Answer, ApiText, Json, OperationText
from tools.openapi.reservation_examples import ORGANIZATION, PROJECT
from tools.openapi.reservations import ERRORS, PARAMETERS

_PLACEMENTS: Final = "Placements"

_RESERVATION: Final = "a64f9269-36e0-4312-b8d1-52d93d569b7b"
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
    "spec": {"reservationId": _RESERVATION, "networkId": _NETWORK, **_SPEC},
}
_METADATA_READ: Final[Json] = {
    **_METADATA,
    "id": "c20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3",
    "organizationId": ORGANIZATION,
    "projectId": PROJECT,
    "creationTime": "2026-04-28T10:45:45Z",
    "createdBy": "john.doe@example.com",
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
        "reservationId": _RESERVATION,
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
_MADE: Final = replace(
    _ONE,
    links=dict.fromkeys(
        ("get_placement", "delete_placement"), ("placementID", "$response.body#/metadata/id")
    ),
)

PLACEMENTS: Final = ApiText(
    tags={
        _PLACEMENTS: "Servers on hosts of a reservation.",
        placement_servers.TAG: placement_servers.TAG_TEXT,
    },
    parameters={**PARAMETERS, **placement_servers.PARAMETERS},
    errors=ERRORS,
    schema_names={
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
            answers={
                200: Answer(
                    "Only with dryRun: the placement as it would be.",
                    models.PlacementRead,
                    example=_PLACEMENT,
                ),
                202: _MADE,
            },
            errors=(400, 401, 403, 404, 409, 413, 415, 422, 500),
        ),
        "list_placements": OperationText(
            tag=_PLACEMENTS,
            summary="List placements",
            description="Lists what the caller may see, in id order; an empty array where there is nothing. "
            "Different parameters must all hold.",
            parameters=(
                "tagSelectorParameter",
                "organizationIDQueryParameter",
                "projectIDQueryParameter",
                "regionIDQueryParameter",
                "reservationIDQueryParameter",
                "networkIDQueryParameter",
                *paging.NAMES,
            ),
            answers={
                200: Answer(
                    "A list of placements.",
                    models.PlacementRead,
                    many=True,
                    example=[_PLACEMENT],
                    headers=("Link",),
                )
            },
            errors=(400, 401, 403, 500),
        ),
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

"""The topology of an organization in words: parameters, answer and example."""

from __future__ import annotations

from typing import Final

from gpu_capacity.topology.api.models import TopologyRegionRead
from tools.openapi.description import Answer, ApiText, Json, OperationText, in_query
from tools.openapi.placements import PLACEMENTS
from tools.openapi.reservation_errors import ERRORS
from tools.openapi.reservation_examples import RESERVATION, RESERVATION_ID, TOPOLOGY_HASH, UNIT_ID
from tools.openapi.reservations import RESERVATIONS

_TOPOLOGY: Final = "Topology"

_HOST: Final = "9c1f0c1e-6d55-4f0b-8a53-0f6d1c2e3a4b"

_PARAMETERS: Final[dict[str, Json]] = {
    "topologyRegionIDQueryParameter": in_query("regionID", "Shows one region only."),
    "topologyAcceleratorQueryParameter": in_query("accelerator", "Shows one accelerator only."),
    "topologyUnitQueryParameter": in_query("unit", "Shows one reservation granularity only."),
    "topologyProjectIDQueryParameter": in_query(
        "projectID", "Shows what is of one project only in overlays."
    ),
    "topologyReservationIDQueryParameter": in_query(
        "reservationID", "Shows one reservation and what stands on it only in overlays."
    ),
}


_PROJECTION: Final[Json] = {
    "reservationUnit": {
        "accelerator": "GB300",
        "unit": "NVL72",
        "machineFlavorId": "g.72.gb300.pinned",
        "deviceTypeResourceClass": "GB300_HOST",
        "hostsPerUnit": 18,
    },
    "topology": [
        {
            "id": "ec615f9f" * 4,
            "name": "pod-1",
            "domains": [
                {
                    "id": "61ab9a93" * 4,
                    "name": "nvl-a7",
                    "hosts": [
                        {
                            "infrastructureRef": _HOST,
                            "reserved": True,
                            "reservationRef": RESERVATION_ID,
                            "reservationUnitRef": UNIT_ID,
                        }
                    ],
                }
            ],
        }
    ],
    "overlays": {
        "reservations": {
            RESERVATION_ID: {
                **RESERVATION,
                "topologyEntityTag": TOPOLOGY_HASH,
                "units": {UNIT_ID: {"infrastructureRefs": [_HOST], "occupied": False}},
            }
        },
        "placements": {},
    },
}

TOPOLOGY: Final = ApiText(
    tags={_TOPOLOGY: "Pods, domains and hosts as an organization sees them, and what it has there."},
    parameters=_PARAMETERS,
    errors=ERRORS,
    schema_names={**RESERVATIONS.schema_names, **PLACEMENTS.schema_names},
    operations={
        "get_organization_topology": OperationText(
            tag=_TOPOLOGY,
            summary="Get topology of an organization",
            description="Shows the pods of everything that the organization can have, in the order of "
            "positions, and what it has there, as far as the caller may read it. Everybody sees whether a "
            "host is reserved. The ids of pods and domains are opaque and never change.",
            parameters=("organizationIDParameter", *_PARAMETERS),
            answers={
                200: Answer(
                    "The topology, by region.",
                    TopologyRegionRead,
                    many=True,
                    example=[{"regionId": "uk-lon-1", "projections": [_PROJECTION]}],
                )
            },
            errors=(400, 401, 403, 500),
        )
    },
)

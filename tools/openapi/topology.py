"""The topology of an organization in words: parameters, answer and example."""

from __future__ import annotations

from typing import Final

from gpu_capacity.topology.api.models import TopologyRegionRead
from gpu_capacity.topology.api.paths import InstanceNameRead, NetworkPathsRead
from tools.openapi.description import Answer, ApiText, Json, OperationText, in_header, in_query
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

_TOPOGRAPH: Final[dict[str, Json]] = {
    "topographOrganization": in_header("X-Organization", "The organization.") | {"required": True},
    "topographRegion": in_header("X-Region", "The region.") | {"required": True},
    "topographLimit": in_query(
        "limit", "The most hosts of the page, which may be shorter.", type="integer", minimum=1
    ),
    "topographOffset": in_query("offset", "How many hosts to skip.", type="integer", minimum=0),
    "topographOrganizationIDQueryParameter": in_query("organizationID", "The organization.")
    | {"required": True},
    "topographRegionIDQueryParameter": in_query("regionID", "The region.") | {"required": True},
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

_NETWORK_PATH: Final[Json] = {
    "instance_id": _HOST,
    "network_node_path": ["uk-lon-1", "ec615f9f" * 4, "61ab9a93" * 4],
    "block_id": "61ab9a93" * 4,
}

TOPOLOGY: Final = ApiText(
    tags={_TOPOLOGY: "Pods, domains and hosts as an organization sees them, and what it has there."},
    parameters=_PARAMETERS | _TOPOGRAPH,
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
        ),
        "list_network_paths": OperationText(
            tag=_TOPOLOGY,
            summary="List network paths",
            description="Lists the hosts that the organization has in a region, as far as the caller may "
            "read it, with their way through the network: what NVIDIA topograph reads. In order of pods, "
            "positions and slots. A client goes on with the offset that it has reached until a page is "
            "empty.",
            parameters=("topographOrganization", "topographRegion", "topographLimit", "topographOffset"),
            answers={200: Answer("A page of hosts.", NetworkPathsRead, example={"results": [_NETWORK_PATH]})},
            errors=(400, 401, 403, 404, 500),
        ),
        "list_instance_names": OperationText(
            tag=_TOPOLOGY,
            summary="List instance names",
            description="Lists the same hosts with the names that schedulers know them by: the hostname of "
            "the server that a placement has there, else the name of the host.",
            parameters=("topographOrganizationIDQueryParameter", "topographRegionIDQueryParameter"),
            answers={
                200: Answer(
                    "The hosts.",
                    InstanceNameRead,
                    many=True,
                    example=[{"metadata": {"id": _HOST, "name": "workers-0"}}],
                )
            },
            errors=(400, 401, 403, 404, 500),
        ),
    },
)

"""Bodies of the reservations API, as the document shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.openapi.description import Json

ORGANIZATION: Final = "161b9d5a-701d-4fea-848d-0e345edf16e9"
PROJECT: Final = "f113be96-4dd2-4c14-9c0e-e96c500f21e0"
RESERVATION_ID: Final = "a64f9269-36e0-4312-b8d1-52d93d569b7b"
PLACEMENT_ID: Final = "c20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3"
SERVER_ID: Final = "psrv-7f3d9d5d2a7c4e32"
CREATED: Final[Json] = {
    "organizationId": ORGANIZATION,
    "projectId": PROJECT,
    "creationTime": "2026-04-28T10:45:45Z",
    "createdBy": "john.doe@example.com",
}
"""What the metadata of everything that a project has says of its creation."""

METADATA: Final[Json] = {
    "name": "gb300-nvl72",
    "description": "Reserved accelerator units for training",
    "tags": [{"name": "workload", "value": "training"}],
}
TOPOLOGY_HASH: Final = "sha256:4fd768f7a87c07aa81e7af8a765cdeaa0f7fe671052f3acbeec918522d026d2e"
UNIT_ID: Final = "0f7fe671" * 8
"""Of 64 hex digits that repeat, as no secret does: the scan for secrets reads these examples too."""

SPEC: Final[Json] = {"regionId": "uk-lon-1", "accelerator": "GB300", "unit": "NVL72", "count": 2}
REQUEST: Final[Json] = {
    "metadata": METADATA,
    "spec": {"organizationId": ORGANIZATION, "projectId": PROJECT, **SPEC},
}
HOST: Final[Json] = {
    "cpus": 144,
    "memory": 960,
    "disk": 0,
    "gpu": {
        "vendor": "NVIDIA",
        "model": "GB300",
        "physicalCount": 4,
        "logicalCount": 4,
        "memory": 288,
    },
    "architecture": "aarch64",
}
RESERVATION: Final[Json] = {
    "metadata": {
        **METADATA,
        "id": RESERVATION_ID,
        **CREATED,
        "provisioningStatus": "pending",
        "provisioningStatusDetail": {
            "reason": "Provisioning",
            "message": "2 units claimed; holding 36 hosts begins in a moment",
        },
        "healthStatus": "healthy",
        "healthStatusDetail": {"reason": "Healthy", "message": "36 hosts in service"},
    },
    "spec": SPEC,
    "status": {
        "machineFlavorId": "g.72.gb300.pinned",
        "claimedUnitCount": 2,
        "host": HOST,
        "topologyHash": TOPOLOGY_HASH,
        "topologyObservedAt": "2026-04-28T10:45:00Z",
    },
}
UNIT: Final[Json] = {
    "regionId": "uk-lon-1",
    "accelerator": "GB300",
    "unit": "NVL72",
    "machineFlavorId": "g.72.gb300.pinned",
    "deviceTypeResourceClass": "GB300_HOST",
    "hostsPerUnit": 18,
    "cpusPerUnit": 2592,
    "gpusPerUnit": 72,
    "gpuMemoryPerUnit": 20736,
    "memoryPerUnit": 17280,
    "host": HOST,
    "availableUnitCount": 4,
    "largestContiguousUnitCount": 3,
    "totalCount": 8,
}

ADVICE: Final[list[Json]] = [
    {
        "regionId": "uk-lon-1",
        "fits": True,
        "largestCount": 3,
        "availableUnitCount": 4,
        "topologyObservedAt": "2026-06-01T12:00:00Z",
    },
    {
        "regionId": "us-chi-1",
        "fits": False,
        "largestCount": 2,
        "availableUnitCount": 2,
        "topologyObservedAt": "2026-06-01T12:00:00Z",
        "reason": "insufficient capacity: 3 contiguous units requested, 2 available, largest contiguous "
        "count 2 (excluded: 2 claimed, 2 cordoned, 0 incomplete); pods have up to 6 contiguous units, so it "
        "may fit later",
        "remedy": {"obstacles": ["maintenance"], "until": "2026-06-02T06:00:00Z"},
    },
]

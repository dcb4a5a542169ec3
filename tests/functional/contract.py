"""The published contract of the reservations API, version 0.5.0, as JSON Schema, written by hand.

It is deliberately not derived from the models, because it tests them. Fields may be added to the contract,
never removed or changed. Times are narrower than published: whole seconds in UTC.
"""

from __future__ import annotations

from typing import Any, Final

from jsonschema import Draft202012Validator

from tests.functional.contract_words import (
    AMOUNT,
    HEALTH_DETAIL,
    PROVISIONING_DETAIL,
    READ_METADATA,
    RESOURCE_METADATA,
    TAG,
    TEXT,
    TIME,
)
from tests.functional.placement_contract import (
    CONSTRAINTS,
    PLACEMENT,
    PLACEMENT_CREATE,
    PLACEMENT_CREATE_SPEC,
    PLACEMENT_SERVER,
    PLACEMENT_SERVER_STATUS,
    PLACEMENT_SPEC,
    PLACEMENT_STATUS,
    PLACEMENT_UPDATE,
    SERVER_SPEC,
    UPDATE_STRATEGY,
)

SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["regionId", "accelerator", "unit", "count"],
    "properties": {
        "regionId": TEXT,
        "accelerator": TEXT,
        "unit": TEXT,
        "count": {"type": "integer", "minimum": 1},
    },
}

CREATE_SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": [*SPEC["required"], "organizationId", "projectId"],
    "properties": {**SPEC["properties"], "organizationId": TEXT, "projectId": TEXT},
}

RESERVATION_CREATE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "spec"],
    "properties": {"metadata": RESOURCE_METADATA, "spec": CREATE_SPEC},
}

GPU: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["vendor", "model", "physicalCount", "logicalCount", "memory"],
    "properties": {
        "vendor": {"type": "string", "enum": ["UNKNOWN", "NVIDIA", "AMD"]},
        "model": TEXT,
        "physicalCount": AMOUNT,
        "logicalCount": AMOUNT,
        "memory": AMOUNT,
    },
}

HOST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["cpus", "memory", "disk", "gpu", "architecture"],
    "properties": {
        "cpus": AMOUNT,
        "memory": AMOUNT,
        "disk": AMOUNT,
        "gpu": GPU,
        "architecture": {"type": "string", "enum": ["UNKNOWN", "x86_64", "aarch64"]},
    },
}

STATUS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["machineFlavorId", "claimedUnitCount", "host"],
    "properties": {
        "machineFlavorId": TEXT,
        "claimedUnitCount": AMOUNT,
        "host": HOST,
        "topologyHash": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        "topologyObservedAt": TIME,
    },
}

RESERVATION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "spec", "status"],
    "properties": {"metadata": READ_METADATA, "spec": SPEC, "status": STATUS},
}

UNIT: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "regionId",
        "accelerator",
        "unit",
        "machineFlavorId",
        "deviceTypeResourceClass",
        "hostsPerUnit",
        "cpusPerUnit",
        "gpusPerUnit",
        "gpuMemoryPerUnit",
        "memoryPerUnit",
        "host",
        "availableUnitCount",
        "largestContiguousUnitCount",
        "totalCount",
    ],
    "properties": {
        "regionId": TEXT,
        "accelerator": TEXT,
        "unit": TEXT,
        "machineFlavorId": TEXT,
        "deviceTypeResourceClass": TEXT,
        "hostsPerUnit": {"type": "integer", "minimum": 1},
        "cpusPerUnit": AMOUNT,
        "gpusPerUnit": AMOUNT,
        "gpuMemoryPerUnit": AMOUNT,
        "memoryPerUnit": AMOUNT,
        "host": HOST,
        "availableUnitCount": AMOUNT,
        "largestContiguousUnitCount": AMOUNT,
        "totalCount": AMOUNT,
    },
}

QUOTAS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["organizationId", "subject", "limit", "used"],
        "properties": {
            "organizationId": TEXT,
            "subject": TEXT,
            "limit": {"type": "integer", "minimum": 0},
            "used": {"type": "integer", "minimum": 0},
        },
        "additionalProperties": False,
    },
}

ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {
        "error": {
            "type": "string",
            "enum": [
                "invalid_request",
                "server_error",
                "access_denied",
                "not_found",
                "conflict",
                "method_not_allowed",
                "unsupported_media_type",
                "request_entity_too_large",
                "unprocessable_content",
                "forbidden",
            ],
        },
        "error_description": TEXT,
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
}

VERSION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "version"],
    "properties": {"name": TEXT, "version": TEXT},
}

RESERVATIONS: Final[dict[str, Any]] = {"type": "array", "items": RESERVATION}

_UNIT_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
UNIT_RELEASE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["unitIds"],
            "properties": {
                "unitIds": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
            },
        }
    },
}
UNIT_RELEASE_READ: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reservation", "releasedUnits"],
    "properties": {
        "reservation": RESERVATION,
        "releasedUnits": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "infrastructureRefs"],
                "properties": {"id": _UNIT_ID, "infrastructureRefs": {"type": "array", "items": TEXT}},
            },
        },
    },
}
UNIT_RELEASE_BLOCKERS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["blockers"],
    "additionalProperties": False,
    "properties": {
        "blockers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["unitId", "consumers"],
                "properties": {
                    "unitId": _UNIT_ID,
                    "consumers": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["type", "placementId", "serverIds"],
                            "properties": {
                                "type": {"const": "placement"},
                                "placementId": TEXT,
                                "serverIds": {"type": "array", "items": TEXT},
                                "managedBy": {
                                    "type": "object",
                                    "required": ["kind", "id"],
                                    "properties": {"kind": TEXT, "id": TEXT},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
UNITS: Final[dict[str, Any]] = {"type": "array", "items": UNIT}
PLACEMENTS: Final[dict[str, Any]] = {"type": "array", "items": PLACEMENT}
PLACEMENT_SERVERS: Final[dict[str, Any]] = {"type": "array", "items": PLACEMENT_SERVER}

# The names under which the contract publishes its schemas; ``allOf`` chains are written out.
PUBLISHED: Final[dict[str, dict[str, Any]]] = {
    "tag": TAG,
    "resourceMetadata": RESOURCE_METADATA,
    "reservationV2Spec": SPEC,
    "reservationV2CreateSpec": CREATE_SPEC,
    "reservationV2Create": RESERVATION_CREATE,
    "resourceProvisioningStatusDetail": PROVISIONING_DETAIL,
    "resourceHealthStatusDetail": HEALTH_DETAIL,
    "projectScopedResourceReadMetadata": READ_METADATA,
    "reservationV2Status": STATUS,
    "reservationV2Read": RESERVATION,
    "reservationUnitGpuV2": GPU,
    "reservationUnitHostV2": HOST,
    "reservationUnitV2": UNIT,
    "placementV2Constraints": CONSTRAINTS,
    "placementV2ServerSpec": SERVER_SPEC,
    "placementV2UpdateStrategy": UPDATE_STRATEGY,
    "placementV2Spec": PLACEMENT_SPEC,
    "placementV2CreateSpec": PLACEMENT_CREATE_SPEC,
    "placementV2Create": PLACEMENT_CREATE,
    "placementV2Update": PLACEMENT_UPDATE,
    "placementV2Status": PLACEMENT_STATUS,
    "placementV2Read": PLACEMENT,
    "placementServerV2Status": PLACEMENT_SERVER_STATUS,
    "placementServerV2Read": PLACEMENT_SERVER,
    "error": ERROR,
}

# Fields that this project adds, by schema; all of them are optional.
ADDED: Final[dict[str, frozenset[str]]] = {
    "reservationV2Status": frozenset({"message"}),
    "error": frozenset({"errors", "capacity", "hosts", "quota"}),
}


def assert_is(schema: dict[str, Any], instance: object) -> None:
    """Fail with every deviation of a response from a schema."""
    problems = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(instance)
    ]
    assert not problems, problems

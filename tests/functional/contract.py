"""The published contract of the reservations API, version 0.5.0, as JSON Schema, written by hand.

It is deliberately not derived from the models, because it tests them. Fields may be added to the contract,
never removed or changed. Times are narrower than published: whole seconds in UTC.
"""

from __future__ import annotations

from typing import Any, Final

from jsonschema import Draft202012Validator

NAME_PATTERN: Final = r"^[0-9A-Za-z](?:[0-9A-Za-z-_.]{0,61}[0-9A-Za-z])?$"
_TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_TEXT: Final = {"type": "string"}
_AMOUNT: Final = {"type": "integer", "minimum": 0}
_ID: Final = {
    "type": "string",
    "pattern": "^[a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
}

TAG: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": _TEXT, "value": _TEXT},
}

RESOURCE_METADATA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": NAME_PATTERN},
        "description": _TEXT,
        "tags": {"type": "array", "items": TAG},
    },
}

SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["regionId", "accelerator", "unit", "count"],
    "properties": {
        "regionId": _TEXT,
        "accelerator": _TEXT,
        "unit": _TEXT,
        "count": {"type": "integer", "minimum": 1},
    },
}

CREATE_SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": [*SPEC["required"], "organizationId", "projectId"],
    "properties": {**SPEC["properties"], "organizationId": _TEXT, "projectId": _TEXT},
}

RESERVATION_CREATE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "spec"],
    "properties": {"metadata": RESOURCE_METADATA, "spec": CREATE_SPEC},
}

PROVISIONING_DETAIL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reason", "message"],
    "properties": {
        "reason": {
            "type": "string",
            "enum": [
                "Provisioning",
                "Provisioned",
                "Errored",
                "Deprovisioning",
                "Deprovisioned",
                "DependencyNotReady",
                "DependencyFailed",
                "DependencyNotFound",
            ],
        },
        "message": _TEXT,
    },
}

HEALTH_DETAIL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reason", "message"],
    "properties": {
        "reason": {"type": "string", "enum": ["Healthy", "Degraded", "Unknown"]},
        "message": _TEXT,
    },
}

READ_METADATA: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "name",
        "id",
        "creationTime",
        "provisioningStatus",
        "healthStatus",
        "organizationId",
        "projectId",
    ],
    "properties": {
        **RESOURCE_METADATA["properties"],
        "id": _ID,
        "creationTime": _TIME,
        "createdBy": _TEXT,
        "modifiedTime": _TIME,
        "modifiedBy": _TEXT,
        "deletionTime": _TIME,
        "provisioningStatus": {
            "type": "string",
            "enum": ["pending", "provisioning", "provisioned", "deprovisioning", "error"],
        },
        "provisioningStatusDetail": PROVISIONING_DETAIL,
        "healthStatus": {"type": "string", "enum": ["unknown", "healthy", "degraded", "error"]},
        "healthStatusDetail": HEALTH_DETAIL,
        "organizationId": _TEXT,
        "projectId": _TEXT,
    },
}

GPU: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["vendor", "model", "physicalCount", "logicalCount", "memory"],
    "properties": {
        "vendor": {"type": "string", "enum": ["UNKNOWN", "NVIDIA", "AMD"]},
        "model": _TEXT,
        "physicalCount": _AMOUNT,
        "logicalCount": _AMOUNT,
        "memory": _AMOUNT,
    },
}

HOST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["cpus", "memory", "disk", "gpu", "architecture"],
    "properties": {
        "cpus": _AMOUNT,
        "memory": _AMOUNT,
        "disk": _AMOUNT,
        "gpu": GPU,
        "architecture": {"type": "string", "enum": ["UNKNOWN", "x86_64", "aarch64"]},
    },
}

STATUS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["machineFlavorId", "claimedUnitCount", "host"],
    "properties": {
        "machineFlavorId": _TEXT,
        "claimedUnitCount": _AMOUNT,
        "host": HOST,
        "topologyHash": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        "topologyObservedAt": _TIME,
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
        "regionId": _TEXT,
        "accelerator": _TEXT,
        "unit": _TEXT,
        "machineFlavorId": _TEXT,
        "deviceTypeResourceClass": _TEXT,
        "hostsPerUnit": {"type": "integer", "minimum": 1},
        "cpusPerUnit": _AMOUNT,
        "gpusPerUnit": _AMOUNT,
        "gpuMemoryPerUnit": _AMOUNT,
        "memoryPerUnit": _AMOUNT,
        "host": HOST,
        "availableUnitCount": _AMOUNT,
        "largestContiguousUnitCount": _AMOUNT,
        "totalCount": _AMOUNT,
    },
}

_POSITIVE: Final = {"type": "integer", "minimum": 1}
_FLAG: Final = {"type": "boolean"}
_TEXTS: Final = {"type": "array", "items": _TEXT}

CONSTRAINTS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["policy"],
    "properties": {
        "policy": {"type": "string", "enum": ["pack", "spread"]},
        "maxSkew": _POSITIVE,
        "minDomains": _POSITIVE,
        "whenUnsatisfiable": {"type": "string", "enum": ["fail", "bestEffort"]},
    },
}

SERVER_SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["imageId"],
    "properties": {
        "imageId": _TEXT,
        "networking": {
            "type": "object",
            "properties": {
                "allowedSourceAddresses": _TEXTS,
                "publicIP": _FLAG,
                "securityGroups": _TEXTS,
            },
        },
        "sshCertificateAuthorityId": _TEXT,
        "userData": _TEXT,
    },
}

UPDATE_STRATEGY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": ["Manual", "RollingUpdate"]},
        "rollingUpdate": {
            "type": "object",
            "properties": {
                "maxUnavailable": {
                    "type": "string",
                    "pattern": "^([0-9]{1,9}|([0-9]|[1-9][0-9]|100)%)$",
                }
            },
        },
    },
}

PLACEMENT_SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["count", "constraints", "serverSpec"],
    "properties": {
        "count": _POSITIVE,
        "constraints": CONSTRAINTS,
        "readinessPolicy": {
            "type": "object",
            "required": ["mode"],
            "properties": {"mode": {"type": "string", "enum": ["Require", "Prefer", "Ignore"]}},
        },
        "serverSpec": SERVER_SPEC,
        "updateStrategy": UPDATE_STRATEGY,
    },
}

PLACEMENT_CREATE_SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "required": [*PLACEMENT_SPEC["required"], "reservationId", "networkId"],
    "properties": {**PLACEMENT_SPEC["properties"], "reservationId": _TEXT, "networkId": _TEXT},
}

PLACEMENT_CREATE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "spec"],
    "properties": {"metadata": RESOURCE_METADATA, "spec": PLACEMENT_CREATE_SPEC},
}

PLACEMENT_UPDATE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "spec"],
    "properties": {"metadata": RESOURCE_METADATA, "spec": PLACEMENT_SPEC},
}

PLACEMENT_STATUS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["regionId", "reservationId", "networkId", "statusCurrent"],
    "properties": {
        "regionId": _TEXT,
        "reservationId": _TEXT,
        "networkId": _TEXT,
        "statusCurrent": _FLAG,
        "readyHostCount": _AMOUNT,
        "updatedHostCount": _AMOUNT,
        "driftedHostCount": _AMOUNT,
        "inFlightCount": _AMOUNT,
        "stalledCount": _AMOUNT,
        "maxUnavailable": _AMOUNT,
    },
}

PLACEMENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "spec", "status"],
    "properties": {
        "metadata": READ_METADATA,
        # A read always has the update strategy.
        "spec": {**PLACEMENT_SPEC, "required": [*PLACEMENT_SPEC["required"], "updateStrategy"]},
        "status": PLACEMENT_STATUS,
    },
}

# The optional fields of the lifecycle are left out: the contract allows it until there is a lifecycle.
PLACEMENT_SERVER_STATUS: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        *("regionId", "reservationId", "placementId", "networkId", "infrastructureRef"),
        *("ordinal", "hostReadiness"),
    ],
    "properties": {
        "regionId": _TEXT,
        "reservationId": _TEXT,
        "placementId": _TEXT,
        "networkId": _TEXT,
        "infrastructureRef": _TEXT,
        "ordinal": _AMOUNT,
        "hostReadiness": {"type": "string", "enum": ["Ready", "NotReady", "Unresolved", "Unknown"]},
        "hostReadinessReason": _TEXT,
        "powerState": {
            "type": "string",
            "enum": [
                *("Pending", "Queued", "Building", "Rebuilding"),
                *("Running", "Stopping", "Stopped", "Error"),
            ],
        },
        "privateIP": _TEXT,
        "publicIP": _TEXT,
        "macAddress": _TEXT,
        "driftState": {"type": "string", "enum": ["UpToDate", "Drifted", "Converging"]},
        "topologyPath": {"type": "array", "items": _TEXT},
    },
}

PLACEMENT_SERVER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["metadata", "status"],
    "properties": {
        "metadata": {
            **READ_METADATA,
            "properties": {
                **READ_METADATA["properties"],
                "id": {"type": "string", "pattern": "^psrv-[0-9a-f]{16}$"},
            },
        },
        "status": PLACEMENT_SERVER_STATUS,
    },
}

QUOTAS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["organizationId", "subject", "limit", "used"],
        "properties": {
            "organizationId": _TEXT,
            "subject": _TEXT,
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
        "error_description": _TEXT,
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
}

VERSION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "version"],
    "properties": {"name": _TEXT, "version": _TEXT},
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
                "unitIds": {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
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
                "properties": {"id": _UNIT_ID, "infrastructureRefs": {"type": "array", "items": _TEXT}},
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
                                "placementId": _TEXT,
                                "serverIds": {"type": "array", "items": _TEXT},
                                "managedBy": {
                                    "type": "object",
                                    "required": ["kind", "id"],
                                    "properties": {"kind": _TEXT, "id": _TEXT},
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

"""What the schemas of the reservations API share: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

NAME_PATTERN: Final = r"^[0-9A-Za-z](?:[0-9A-Za-z-_.]{0,61}[0-9A-Za-z])?$"
TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
TEXT: Final = {"type": "string"}
AMOUNT: Final = {"type": "integer", "minimum": 0}
ID: Final = {
    "type": "string",
    "pattern": "^[a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
}

TAG: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": TEXT, "value": TEXT},
}

RESOURCE_METADATA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": NAME_PATTERN},
        "description": TEXT,
        "tags": {"type": "array", "items": TAG},
    },
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
        "message": TEXT,
    },
}

HEALTH_DETAIL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reason", "message"],
    "properties": {
        "reason": {"type": "string", "enum": ["Healthy", "Degraded", "Unknown"]},
        "message": TEXT,
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
        "id": ID,
        "creationTime": TIME,
        "createdBy": TEXT,
        "modifiedTime": TIME,
        "modifiedBy": TEXT,
        "deletionTime": TIME,
        "provisioningStatus": {
            "type": "string",
            "enum": ["pending", "provisioning", "provisioned", "deprovisioning", "error"],
        },
        "provisioningStatusDetail": PROVISIONING_DETAIL,
        "healthStatus": {"type": "string", "enum": ["unknown", "healthy", "degraded", "error"]},
        "healthStatusDetail": HEALTH_DETAIL,
        "organizationId": TEXT,
        "projectId": TEXT,
    },
}

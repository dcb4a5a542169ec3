"""What published contracts are written in as JSON Schema, and what those of the reservations API share."""

from __future__ import annotations

from typing import Any, Final


def record(required: str, **properties: Any) -> dict[str, Any]:
    """An object with these properties, of which it always has those of the words ``required``."""
    return {"type": "object", "required": required.split(), "properties": properties}


def full(**properties: Any) -> dict[str, Any]:
    """An object that always has all of these properties."""
    return record(" ".join(properties), **properties)


def exact(**properties: Any) -> dict[str, Any]:
    """An object that always has these properties and no others."""
    return full(**properties) | {"additionalProperties": False}


def one_of(*words: str) -> dict[str, Any]:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def many(entry: dict[str, Any]) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": entry}


NAME_PATTERN: Final = r"^[0-9A-Za-z](?:[0-9A-Za-z-_.]{0,61}[0-9A-Za-z])?$"
TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
TEXT: Final = {"type": "string"}
AMOUNT: Final = {"type": "integer", "minimum": 0}
FLAG: Final = {"type": "boolean"}
ID: Final = {
    "type": "string",
    "pattern": "^[a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
}

TAG: Final = full(name=TEXT, value=TEXT)

RESOURCE_METADATA: Final = record(
    "name", name={"type": "string", "pattern": NAME_PATTERN}, description=TEXT, tags=many(TAG)
)

PROVISIONING_DETAIL: Final = full(
    reason=one_of(
        "Provisioning",
        "Provisioned",
        "Errored",
        "Deprovisioning",
        "Deprovisioned",
        "DependencyNotReady",
        "DependencyFailed",
        "DependencyNotFound",
    ),
    message=TEXT,
)

HEALTH_DETAIL: Final = full(reason=one_of("Healthy", "Degraded", "Unknown"), message=TEXT)

READ_METADATA: Final = record(
    "name id creationTime provisioningStatus healthStatus organizationId projectId",
    **RESOURCE_METADATA["properties"],
    id=ID,
    creationTime=TIME,
    createdBy=TEXT,
    modifiedTime=TIME,
    modifiedBy=TEXT,
    deletionTime=TIME,
    provisioningStatus=one_of("pending", "provisioning", "provisioned", "deprovisioning", "error"),
    provisioningStatusDetail=PROVISIONING_DETAIL,
    healthStatus=one_of("unknown", "healthy", "degraded", "error"),
    healthStatusDetail=HEALTH_DETAIL,
    organizationId=TEXT,
    projectId=TEXT,
)

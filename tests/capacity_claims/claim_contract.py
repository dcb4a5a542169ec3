"""The published contract of the capacity claims API as JSON Schema, written by hand.

It is deliberately not derived from the models, because it tests them.
"""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract import assert_is

__all__ = ["CLAIM", "CLAIMS", "PARAMETERS", "QUOTAS", "STATUS", "assert_is"]

_TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_UUID: Final = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
_WHOLE: Final = {"type": "string", "pattern": "^[0-9]+$"}
_TYPE: Final = "type.googleapis.com/google.rpc."


def _whole(**properties: Any) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


RESOURCES: Final = _whole(
    instanceId=_TEXT,
    instanceCount={"type": "integer", "minimum": 1},
    zones={"type": "array", "items": _TEXT, "minItems": 1},
    capacityType={
        "enum": ["CAPACITY_TYPE_CUSTOMER", "CAPACITY_TYPE_SERVERLESS", "CAPACITY_TYPE_MANAGED"],
    },
)

CONDITION: Final = _whole(
    type=_TEXT,
    lastUpdateTime=_TIME,
    reason=_TEXT,
    message=_TEXT,
    zone=_TEXT,
    status={"enum": ["True", "False", "Unknown"]},
)

_CLAIM: Final = _whole(
    spec=_whole(
        id=_UUID,
        name={"type": "string", "pattern": "^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"},
        resources=RESOURCES,
        organizationId=_TEXT,
    ),
    status=_whole(
        createdAt=_TIME,
        updatedAt=_TIME,
        conditions={"type": "array", "items": CONDITION, "minItems": 2},
        allocatedInstances=_COUNT,
        pendingInstances=_COUNT,
        status={"enum": ["STATUS_CREATING", "STATUS_READY", "STATUS_UPDATING", "STATUS_DELETING"]},
    ),
)

QUOTAS: Final = _whole(
    quotas={
        "type": "array",
        "items": _whole(organizationId=_TEXT, subject={"const": "instances"}, limit=_COUNT, used=_COUNT),
    }
)
CLAIM: Final = _whole(capacityClaim=_CLAIM)
CLAIMS: Final = _whole(capacityClaims={"type": "array", "items": _CLAIM})
PARAMETERS: Final = _whole(
    zoneInstanceTypes={
        "type": "object",
        "additionalProperties": _whole(instanceIds={"type": "array", "items": _TEXT}),
    }
)


def _detail(name: str, **properties: Any) -> dict[str, Any]:
    return _whole(**{"@type": {"const": f"{_TYPE}{name}"}}, **properties)


def _some(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": _whole(**properties)}


STATUS: Final = _whole(
    code={"type": "integer", "minimum": 1, "maximum": 16},
    message={"type": "string", "minLength": 1},
    details={
        "type": "array",
        "items": {
            "oneOf": [
                _detail("BadRequest", fieldViolations=_some(field=_TEXT, description=_TEXT)),
                _detail(
                    "ResourceInfo",
                    resourceType={"type": "string", "minLength": 1},
                    resourceName=_TEXT,
                    description={"type": "string", "minLength": 1},
                ),
                _detail(
                    "QuotaFailure",
                    violations=_some(
                        subject=_TEXT,
                        description=_TEXT,
                        quotaMetric=_TEXT,
                        quotaValue=_WHOLE,
                        quotaDimensions=_whole(requested=_WHOLE, used=_WHOLE),
                    ),
                ),
                _detail(
                    "PreconditionFailure", violations=_some(type=_TEXT, subject=_TEXT, description=_TEXT)
                ),
                _detail("RequestInfo", requestId={"type": "string", "pattern": "^[0-9a-f]{32}$"}),
            ]
        },
    },
)

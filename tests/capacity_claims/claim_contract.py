"""The published contract of the capacity claims API as JSON Schema, written by hand.

It is deliberately not derived from the models, because it tests them.
"""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract import assert_is
from tests.functional.contract_words import AMOUNT, TEXT, exact, many
from tests.functional.history_cases import EVENTS as LISTED

__all__ = ["CLAIM", "CLAIMS", "EVENTS", "PARAMETERS", "QUOTAS", "STATUS", "assert_is"]

_TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$"}
_UUID: Final = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
_WHOLE: Final = {"type": "string", "pattern": "^[0-9]+$"}
_TYPE: Final = "type.googleapis.com/google.rpc."

RESOURCES: Final = exact(
    instanceId=TEXT,
    instanceCount={"type": "integer", "minimum": 1},
    zones={"type": "array", "items": TEXT, "minItems": 1},
    capacityType={
        "enum": ["CAPACITY_TYPE_CUSTOMER", "CAPACITY_TYPE_SERVERLESS", "CAPACITY_TYPE_MANAGED"],
    },
)

CONDITION: Final = exact(
    type=TEXT,
    lastUpdateTime=_TIME,
    reason=TEXT,
    message=TEXT,
    zone=TEXT,
    status={"enum": ["True", "False", "Unknown"]},
)

_CLAIM: Final = exact(
    spec=exact(
        id=_UUID,
        name={"type": "string", "pattern": "^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"},
        resources=RESOURCES,
        organizationId=TEXT,
    ),
    status=exact(
        createdAt=_TIME,
        updatedAt=_TIME,
        conditions={"type": "array", "items": CONDITION, "minItems": 2},
        allocatedInstances=AMOUNT,
        pendingInstances=AMOUNT,
        status={"enum": ["STATUS_CREATING", "STATUS_READY", "STATUS_UPDATING", "STATUS_DELETING"]},
    ),
)

QUOTAS: Final = exact(
    quotas=many(exact(organizationId=TEXT, subject={"const": "instances"}, limit=AMOUNT, used=AMOUNT))
)
EVENTS: Final = exact(events=LISTED)
CLAIM: Final = exact(capacityClaim=_CLAIM)
CLAIMS: Final = exact(capacityClaims=many(_CLAIM))
PARAMETERS: Final = exact(
    zoneInstanceTypes={"type": "object", "additionalProperties": exact(instanceIds=many(TEXT))}
)


def _detail(name: str, **properties: Any) -> dict[str, Any]:
    return exact(**{"@type": {"const": f"{_TYPE}{name}"}}, **properties)


def _some(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": exact(**properties)}


STATUS: Final = exact(
    code={"type": "integer", "minimum": 1, "maximum": 16},
    message={"type": "string", "minLength": 1},
    details={
        "type": "array",
        "items": {
            "oneOf": [
                _detail("BadRequest", fieldViolations=_some(field=TEXT, description=TEXT)),
                _detail(
                    "ResourceInfo",
                    resourceType={"type": "string", "minLength": 1},
                    resourceName=TEXT,
                    description={"type": "string", "minLength": 1},
                ),
                _detail(
                    "QuotaFailure",
                    violations=_some(
                        subject=TEXT,
                        description=TEXT,
                        quotaMetric=TEXT,
                        quotaValue=_WHOLE,
                        quotaDimensions=exact(requested=_WHOLE, used=_WHOLE),
                    ),
                ),
                _detail("PreconditionFailure", violations=_some(type=TEXT, subject=TEXT, description=TEXT)),
                _detail("RequestInfo", requestId={"type": "string", "pattern": "^[0-9a-f]{32}$"}),
            ]
        },
    },
)

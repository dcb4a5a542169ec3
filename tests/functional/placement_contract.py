"""The published contract of placements and their servers, as JSON Schema by hand: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract_words import AMOUNT, READ_METADATA, RESOURCE_METADATA, TEXT

_POSITIVE: Final = {"type": "integer", "minimum": 1}
_FLAG: Final = {"type": "boolean"}
_TEXTS: Final = {"type": "array", "items": TEXT}

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
        "imageId": TEXT,
        "networking": {
            "type": "object",
            "properties": {
                "allowedSourceAddresses": _TEXTS,
                "publicIP": _FLAG,
                "securityGroups": _TEXTS,
            },
        },
        "sshCertificateAuthorityId": TEXT,
        "userData": TEXT,
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
    "properties": {**PLACEMENT_SPEC["properties"], "reservationId": TEXT, "networkId": TEXT},
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
        "regionId": TEXT,
        "reservationId": TEXT,
        "networkId": TEXT,
        "statusCurrent": _FLAG,
        "readyHostCount": AMOUNT,
        "updatedHostCount": AMOUNT,
        "driftedHostCount": AMOUNT,
        "inFlightCount": AMOUNT,
        "stalledCount": AMOUNT,
        "maxUnavailable": AMOUNT,
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
        "regionId": TEXT,
        "reservationId": TEXT,
        "placementId": TEXT,
        "networkId": TEXT,
        "infrastructureRef": TEXT,
        "ordinal": AMOUNT,
        "hostReadiness": {"type": "string", "enum": ["Ready", "NotReady", "Unresolved", "Unknown"]},
        "hostReadinessReason": TEXT,
        "powerState": {
            "type": "string",
            "enum": [
                *("Pending", "Queued", "Building", "Rebuilding"),
                *("Running", "Stopping", "Stopped", "Error"),
            ],
        },
        "privateIP": TEXT,
        "publicIP": TEXT,
        "macAddress": TEXT,
        "driftState": {"type": "string", "enum": ["UpToDate", "Drifted", "Converging"]},
        "topologyPath": {"type": "array", "items": TEXT},
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

"""The published contract of placements and their servers, as JSON Schema by hand: see ``contract``."""

from __future__ import annotations

from typing import Final

from tests.functional.contract_words import (
    AMOUNT,
    READ_METADATA,
    RESOURCE_METADATA,
    TEXT,
    full,
    many,
    one_of,
    record,
)

_POSITIVE: Final = {"type": "integer", "minimum": 1}
_FLAG: Final = {"type": "boolean"}
_TEXTS: Final = many(TEXT)

CONSTRAINTS: Final = record(
    "policy",
    policy=one_of("pack", "spread"),
    maxSkew=_POSITIVE,
    minDomains=_POSITIVE,
    whenUnsatisfiable=one_of("fail", "bestEffort"),
)

SERVER_SPEC: Final = record(
    "imageId",
    imageId=TEXT,
    networking={
        "type": "object",
        "properties": {
            "allowedSourceAddresses": _TEXTS,
            "publicIP": _FLAG,
            "securityGroups": _TEXTS,
        },
    },
    sshCertificateAuthorityId=TEXT,
    userData=TEXT,
)

UPDATE_STRATEGY: Final = record(
    "type",
    type=one_of("Manual", "RollingUpdate"),
    rollingUpdate={
        "type": "object",
        "properties": {
            "maxUnavailable": {
                "type": "string",
                "pattern": "^([0-9]{1,9}|([0-9]|[1-9][0-9]|100)%)$",
            }
        },
    },
)

PLACEMENT_SPEC: Final = record(
    "count constraints serverSpec",
    count=_POSITIVE,
    constraints=CONSTRAINTS,
    readinessPolicy=record("mode", mode=one_of("Require", "Prefer", "Ignore")),
    serverSpec=SERVER_SPEC,
    updateStrategy=UPDATE_STRATEGY,
)

PLACEMENT_CREATE_SPEC: Final = record(
    "count constraints serverSpec reservationId networkId",
    **PLACEMENT_SPEC["properties"],
    reservationId=TEXT,
    networkId=TEXT,
)

PLACEMENT_CREATE: Final = full(metadata=RESOURCE_METADATA, spec=PLACEMENT_CREATE_SPEC)

PLACEMENT_UPDATE: Final = full(metadata=RESOURCE_METADATA, spec=PLACEMENT_SPEC)

PLACEMENT_STATUS: Final = record(
    "regionId reservationId networkId statusCurrent",
    regionId=TEXT,
    reservationId=TEXT,
    networkId=TEXT,
    statusCurrent=_FLAG,
    readyHostCount=AMOUNT,
    updatedHostCount=AMOUNT,
    driftedHostCount=AMOUNT,
    inFlightCount=AMOUNT,
    stalledCount=AMOUNT,
    maxUnavailable=AMOUNT,
)

PLACEMENT: Final = full(
    metadata=READ_METADATA,
    # A read always has the update strategy.
    spec={**PLACEMENT_SPEC, "required": [*PLACEMENT_SPEC["required"], "updateStrategy"]},
    status=PLACEMENT_STATUS,
)

# The optional fields of the lifecycle are left out: the contract allows it until there is a lifecycle.
PLACEMENT_SERVER_STATUS: Final = record(
    "regionId reservationId placementId networkId infrastructureRef ordinal hostReadiness",
    regionId=TEXT,
    reservationId=TEXT,
    placementId=TEXT,
    networkId=TEXT,
    infrastructureRef=TEXT,
    ordinal=AMOUNT,
    hostReadiness=one_of("Ready", "NotReady", "Unresolved", "Unknown"),
    hostReadinessReason=TEXT,
    powerState=one_of(
        *("Pending", "Queued", "Building", "Rebuilding", "Running", "Stopping", "Stopped", "Error")
    ),
    privateIP=TEXT,
    publicIP=TEXT,
    macAddress=TEXT,
    driftState=one_of("UpToDate", "Drifted", "Converging"),
    topologyPath=many(TEXT),
)

PLACEMENT_SERVER: Final = full(
    metadata={
        **READ_METADATA,
        "properties": {
            **READ_METADATA["properties"],
            "id": {"type": "string", "pattern": "^psrv-[0-9a-f]{16}$"},
        },
    },
    status=PLACEMENT_SERVER_STATUS,
)

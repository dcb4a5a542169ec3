"""The messages of ``coreweave.inference.v1alpha1.CapacityClaimService``, and the details of its errors.

``docs/capacity_claims.proto`` has the same for clients; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gpu_capacity.http.protobuf.types import EnumType, Field, Message, Scalar
from gpu_capacity.http.protobuf.well_known import DURATION, TIMESTAMP

PACKAGE: Final = "coreweave.inference.v1alpha1"
_STRING, _UINT32, _INT64 = Scalar.STRING, Scalar.UINT32, Scalar.INT64

CAPACITY_TYPE: Final = EnumType(
    f"{PACKAGE}.CapacityType",
    {0: "CAPACITY_TYPE_UNSPECIFIED", 2: "CAPACITY_TYPE_CUSTOMER", 3: "CAPACITY_TYPE_MANAGED"},
)
STATUS: Final = EnumType(
    f"{PACKAGE}.Status",
    {
        0: "STATUS_UNSPECIFIED",
        1: "STATUS_CREATING",
        2: "STATUS_UPDATING",
        3: "STATUS_DELETING",
        4: "STATUS_ERROR",
        5: "STATUS_FAILED",
        6: "STATUS_READY",
    },
)
CONDITION_STATUS: Final = EnumType(
    f"{PACKAGE}.Condition.Status", {0: "STATUS_UNSPECIFIED", 1: "STATUS_FALSE", 2: "STATUS_TRUE"}
)

RESOURCES: Final = Message(
    f"{PACKAGE}.CapacityClaimResources",
    (
        Field(1, "instanceId", _STRING),
        Field(2, "instanceCount", _UINT32),
        Field(3, "capacityType", CAPACITY_TYPE),
        Field(4, "zones", _STRING, repeated=True),
    ),
)
SPEC: Final = Message(
    f"{PACKAGE}.CapacityClaimSpec",
    (
        Field(1, "id", _STRING),
        Field(2, "name", _STRING),
        Field(3, "resources", RESOURCES),
        Field(4, "organizationId", _STRING),
    ),
)
CONDITION: Final = Message(
    f"{PACKAGE}.Condition",
    (
        Field(1, "type", _STRING),
        Field(2, "status", CONDITION_STATUS),
        Field(3, "lastUpdateTime", TIMESTAMP),
        Field(4, "reason", _STRING),
        Field(5, "message", _STRING),
        Field(6, "zone", _STRING),
    ),
)
CLAIM_STATUS: Final = Message(
    f"{PACKAGE}.CapacityClaimStatus",
    (
        Field(1, "createdAt", TIMESTAMP),
        Field(2, "updatedAt", TIMESTAMP),
        Field(3, "status", STATUS),
        Field(4, "conditions", CONDITION, repeated=True),
        Field(5, "allocatedInstances", _UINT32),
        Field(6, "pendingInstances", _UINT32),
    ),
)
CLAIM: Final = Message(f"{PACKAGE}.CapacityClaim", (Field(1, "spec", SPEC), Field(2, "status", CLAIM_STATUS)))
INSTANCE_TYPES: Final = Message(
    f"{PACKAGE}.GetCapacityClaimParametersResponse.InstanceTypes",
    (Field(1, "instanceIds", _STRING, repeated=True),),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a method takes and returns."""

    request: Message
    response: Message


def _message(name: str, *fields: Field) -> Message:
    return Message(f"{PACKAGE}.{name}", fields)


_ONE_CLAIM: Final = Field(1, "capacityClaim", CLAIM)
_ID: Final = Field(1, "id", _STRING)
_WANTED: Final = Field(4, "resources", RESOURCES)

EXCHANGES: Final = {
    "CreateCapacityClaim": Exchange(
        _message("CreateCapacityClaimRequest", _ID, Field(2, "name", _STRING), _WANTED),
        _message("CreateCapacityClaimResponse", _ONE_CLAIM),
    ),
    "GetCapacityClaim": Exchange(
        _message("GetCapacityClaimRequest", _ID), _message("GetCapacityClaimResponse", _ONE_CLAIM)
    ),
    "UpdateCapacityClaim": Exchange(
        _message("UpdateCapacityClaimRequest", _ID, _WANTED),
        _message("UpdateCapacityClaimResponse", _ONE_CLAIM),
    ),
    "DeleteCapacityClaim": Exchange(
        _message("DeleteCapacityClaimRequest", _ID), _message("DeleteCapacityClaimResponse", _ONE_CLAIM)
    ),
    "ListCapacityClaims": Exchange(
        _message("ListCapacityClaimsRequest", Field(2, "updatedAfter", TIMESTAMP)),
        _message("ListCapacityClaimsResponse", Field(1, "capacityClaims", CLAIM, repeated=True)),
    ),
    "GetCapacityClaimParameters": Exchange(
        _message("GetCapacityClaimParametersRequest"),
        _message(
            "GetCapacityClaimParametersResponse", Field(3, "zoneInstanceTypes", INSTANCE_TYPES, is_map=True)
        ),
    ),
}
"""By the names of the methods."""


def _detail(name: str, *fields: Field) -> Message:
    return Message(f"google.rpc.{name}", fields)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(number, name, _STRING) for number, name in enumerate(names, 1))


DETAILS: Final = {
    message.name: message
    for message in (
        _detail(
            "BadRequest",
            Field(
                1,
                "fieldViolations",
                _detail("BadRequest.FieldViolation", *_texts("field", "description")),
                repeated=True,
            ),
        ),
        _detail("ResourceInfo", *_texts("resourceType", "resourceName", "owner", "description")),
        _detail(
            "PreconditionFailure",
            Field(
                1,
                "violations",
                _detail("PreconditionFailure.Violation", *_texts("type", "subject", "description")),
                repeated=True,
            ),
        ),
        _detail(
            "QuotaFailure",
            Field(
                1,
                "violations",
                _detail(
                    "QuotaFailure.Violation",
                    *_texts("subject", "description", "apiService", "quotaMetric", "quotaId"),
                    Field(6, "quotaDimensions", _STRING, is_map=True),
                    Field(7, "quotaValue", _INT64),
                ),
                repeated=True,
            ),
        ),
        _detail("RetryInfo", Field(1, "retryDelay", DURATION)),
        _detail("RequestInfo", *_texts("requestId", "servingData")),
    )
}
"""The details that errors may have, by their names."""

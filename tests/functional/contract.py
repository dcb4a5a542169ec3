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
    exact,
    full,
    many,
    one_of,
    record,
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

SPEC: Final = full(regionId=TEXT, accelerator=TEXT, unit=TEXT, count={"type": "integer", "minimum": 1})

CREATE_SPEC: Final = full(**SPEC["properties"], organizationId=TEXT, projectId=TEXT)

RESERVATION_CREATE: Final = full(metadata=RESOURCE_METADATA, spec=CREATE_SPEC)

GPU: Final = full(
    vendor=one_of("UNKNOWN", "NVIDIA", "AMD"),
    model=TEXT,
    physicalCount=AMOUNT,
    logicalCount=AMOUNT,
    memory=AMOUNT,
)

HOST: Final = full(
    cpus=AMOUNT, memory=AMOUNT, disk=AMOUNT, gpu=GPU, architecture=one_of("UNKNOWN", "x86_64", "aarch64")
)

STATUS: Final = record(
    "machineFlavorId claimedUnitCount host",
    machineFlavorId=TEXT,
    claimedUnitCount=AMOUNT,
    host=HOST,
    topologyHash={"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    topologyObservedAt=TIME,
)

RESERVATION: Final = full(metadata=READ_METADATA, spec=SPEC, status=STATUS)

UNIT: Final = full(
    regionId=TEXT,
    accelerator=TEXT,
    unit=TEXT,
    machineFlavorId=TEXT,
    deviceTypeResourceClass=TEXT,
    hostsPerUnit={"type": "integer", "minimum": 1},
    cpusPerUnit=AMOUNT,
    gpusPerUnit=AMOUNT,
    gpuMemoryPerUnit=AMOUNT,
    memoryPerUnit=AMOUNT,
    host=HOST,
    availableUnitCount=AMOUNT,
    largestContiguousUnitCount=AMOUNT,
    totalCount=AMOUNT,
)

ADVICE: Final = many(
    record(
        "regionId fits largestCount availableUnitCount topologyObservedAt",
        regionId=TEXT,
        fits={"type": "boolean"},
        largestCount=AMOUNT,
        availableUnitCount=AMOUNT,
        quotaRoom=AMOUNT,
        topologyObservedAt=TIME,
        reason=TEXT,
        remedy=record("obstacles", obstacles=many(one_of("maintenance", "quarantine")), until=TIME),
    )
)

QUOTAS: Final = many(exact(organizationId=TEXT, subject=TEXT, limit=AMOUNT, used=AMOUNT))

ERROR: Final = record(
    "error error_description",
    error=one_of(
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
    ),
    error_description=TEXT,
    trace_id={"type": "string", "pattern": "^[0-9a-f]{32}$"},
)

VERSION: Final = full(name=TEXT, version=TEXT)

RESERVATIONS: Final = many(RESERVATION)

_UNIT_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
UNIT_RELEASE: Final = record(
    "spec",
    spec=record("unitIds", unitIds={"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True}),
)
UNIT_RELEASE_READ: Final = full(
    reservation=RESERVATION, releasedUnits=many(full(id=_UNIT_ID, infrastructureRefs=many(TEXT)))
)
_CONSUMER: Final = record(
    "type placementId serverIds",
    type={"const": "placement"},
    placementId=TEXT,
    serverIds=many(TEXT),
    managedBy=full(kind=TEXT, id=TEXT),
)
UNIT_RELEASE_BLOCKERS: Final = exact(blockers=many(full(unitId=_UNIT_ID, consumers=many(_CONSUMER))))
UNITS: Final = many(UNIT)
PLACEMENTS: Final = many(PLACEMENT)
PLACEMENT_SERVERS: Final = many(PLACEMENT_SERVER)
FAULT_REPORT_ANSWER: Final = exact(outcome=one_of("moving", "recorded"), infrastructureRef=TEXT, seen=TEXT)

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
    "reservationV2Spec": frozenset({"spareHostsPerUnit"}),
    "reservationV2CreateSpec": frozenset({"spareHostsPerUnit"}),
    "reservationV2Status": frozenset({"message", "maintenances"}),
    "placementV2Status": frozenset({"leavingHosts", "maintenances"}),
    "error": frozenset({"errors", "capacity", "hosts", "quota"}),
}


def assert_is(schema: dict[str, Any], instance: object) -> None:
    """Fail with every deviation of a response from a schema."""
    problems = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(instance)
    ]
    assert not problems, problems

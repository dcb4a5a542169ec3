"""What the operators' API answers as JSON Schema, written by hand: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract_words import AMOUNT, FLAG, TEXT, TIME, full, many, one_of, record

TARGET: Final[dict[str, Any]] = record("", podId=TEXT, domainId=TEXT, hostId=TEXT)
CORDON: Final = record(
    "target source cause",
    target=TARGET,
    source=one_of("operator", "fleetDocument"),
    cause=one_of("cordon", "quarantine", "maintenance"),
    evidence=TEXT,
    maintenanceId=TEXT,
    reason=TEXT,
    since=TIME,
    by=TEXT,
)
CORDONS: Final = many(CORDON)
CORDON_CHANGE: Final = full(cordons=CORDONS, podsWritten=AMOUNT)

FAULT_REPORTS: Final = many(
    record(
        "regionId reportedTime organizationId placementId serverId hostId reason outcome seen by",
        regionId=TEXT,
        reportedTime=TIME,
        organizationId=TEXT,
        placementId=TEXT,
        serverId=TEXT,
        hostId=TEXT,
        reason=one_of(
            *("gpu", "memory", "network", "nvlink", "storage", "power", "thermal", "unreachable", "other")
        ),
        outcome=one_of("moving", "recorded"),
        seen=TEXT,
        by=TEXT,
        text=TEXT,
    )
)

_MAINTENANCE_PARTS: Final[dict[str, Any]] = {
    "id": TEXT,
    "revision": AMOUNT,
    "regionId": TEXT,
    "targets": many(TARGET),
    "startTime": TIME,
    "endTime": TIME,
    "reason": TEXT,
    "by": TEXT,
    "creationTime": TIME,
    "status": one_of("planned", "open", "ending", "ended", "cancelled"),
    "permits": many(full(organizationId=TEXT, reservationId=TEXT, time=TIME, by=TEXT)),
}
_MAINTENANCE_MAY: Final[dict[str, Any]] = {
    "force": full(noticeTime=TIME, effectiveTime=TIME),
    "overTime": TIME,
}
MAINTENANCE: Final = record(" ".join(_MAINTENANCE_PARTS), **_MAINTENANCE_PARTS, **_MAINTENANCE_MAY)
MAINTENANCES: Final = many(MAINTENANCE)
_HOST: Final = record(
    "hostId podId since held serverStopped",
    hostId=TEXT,
    podId=TEXT,
    since=TIME,
    held=FLAG,
    inMaintenanceSince=TIME,
    serverStopped=FLAG,
    returningSince=TIME,
)
MAINTENANCE_DETAIL: Final = record(
    " ".join([*_MAINTENANCE_PARTS, "hosts"]), hosts=many(_HOST), **_MAINTENANCE_PARTS, **_MAINTENANCE_MAY
)

DEAD_LETTERS: Final = many(
    full(
        queue=one_of("failed-invocations"),
        count=AMOUNT,
        letters=many(
            record(
                "id sentTime origin body",
                id=TEXT,
                sentTime=TIME,
                origin=one_of("change", "stream", "schedule", "invocation"),
                target=TEXT,
                error=TEXT,
                body=TEXT,
            )
        ),
    )
)

_AUDIT_PARTS: Final[dict[str, Any]] = {
    "id": TEXT,
    "by": TEXT,
    "status": one_of("requested", "running", "ended", "failed"),
    "requestedTime": TIME,
}
_AUDIT_MAY: Final[dict[str, Any]] = {
    "startedTime": TIME,
    "endedTime": TIME,
    "failure": TEXT,
    "clean": FLAG,
    "findingCount": AMOUNT,
    "unjudgedCount": AMOUNT,
    "noticeCount": AMOUNT,
    "repair": full(auditId=TEXT, findingIds=many(TEXT), takeAway=many(TEXT), reason=TEXT, apply=FLAG),
}
AUDIT: Final = record(" ".join(_AUDIT_PARTS), **_AUDIT_PARTS, **_AUDIT_MAY)
AUDITS: Final = many(AUDIT)
_FINDING: Final = record(
    "id kind subject message advice items asked",
    id=TEXT,
    kind=TEXT,
    subject=TEXT,
    message=TEXT,
    advice=TEXT,
    items=many(TEXT),
    asked=many(TEXT),
    result=TEXT,
    why=TEXT,
    repair=TEXT,
    takeAway=TEXT,
)
AUDIT_DETAIL: Final = record(
    " ".join([*_AUDIT_PARTS, "findings", "unjudged", "notices", "leftOutCount", "read"]),
    findings=many(_FINDING),
    unjudged=many(_FINDING),
    notices=many(_FINDING),
    leftOutCount=AMOUNT,
    read={"type": "object", "additionalProperties": AMOUNT},
    **_AUDIT_PARTS,
    **_AUDIT_MAY,
)

_KIND: Final = one_of("reservation", "placement", "capacityClaim", "vm")
_HOLDER_MUST: Final[dict[str, Any]] = {
    "kind": _KIND,
    "id": TEXT,
    "organizationId": TEXT,
    "status": TEXT,
    "regionIds": many(TEXT),
    "creationTime": TIME,
    "createdBy": TEXT,
    "pods": many(full(regionId=TEXT, podId=TEXT, positions=many(AMOUNT))),
}
_HOLDER_MAY: Final[dict[str, Any]] = {
    "projectId": TEXT,
    "name": TEXT,
    "unsettledSince": TIME,
    "failure": TEXT,
    "removal": TEXT,
}
HOLDERS: Final = many(record(" ".join(_HOLDER_MUST), **_HOLDER_MUST, **_HOLDER_MAY))
_PART: Final = record(
    "regionId podId position hostIds",
    regionId=TEXT,
    podId=TEXT,
    position=AMOUNT,
    domainId=TEXT,
    hostIds=many(TEXT),
    gpus=AMOUNT,
)
HOLDER: Final = record(" ".join([*_HOLDER_MUST, "parts"]), parts=many(_PART), **_HOLDER_MUST, **_HOLDER_MAY)
UNSETTLED: Final = many(
    record(
        " ".join([*_HOLDER_MUST, "unsettledSince", "waitsFor", "attempt"]),
        waitsFor=TEXT,
        workflow=TEXT,
        execution=TEXT,
        attempt=AMOUNT,
        **_HOLDER_MUST,
        **_HOLDER_MAY,
    )
)
QUEUES: Final = many(
    full(
        regionId=TEXT,
        instanceType=TEXT,
        waiting=many(
            full(
                place={"type": "integer", "minimum": 1},
                organizationId=TEXT,
                id=TEXT,
                name=TEXT,
                creationTime=TIME,
                instanceCount=AMOUNT,
                pendingInstanceCount=AMOUNT,
            )
        ),
    )
)

_STATES: Final = many(
    one_of(
        *("free", "partlyHeld", "held", "cordoned", "quarantined", "incomplete", "inMaintenance"),
        "outOfService",
    )
)
_WHO: Final = many(full(kind=_KIND, organizationId=TEXT, id=TEXT))
_MAP_HOST: Final = full(
    id=TEXT,
    name=TEXT,
    slot=AMOUNT,
    state=one_of("in_service", "unhealthy", "out_of_service", "missing"),
    states=_STATES,
    holders=_WHO,
)
_MAP_DOMAIN: Final = record(
    "id name position states holders hostCount freeHostCount",
    id=TEXT,
    name=TEXT,
    position=AMOUNT,
    states=_STATES,
    holders=_WHO,
    hostCount=AMOUNT,
    freeHostCount=AMOUNT,
    hosts=many(_MAP_HOST),
)
REGIONS: Final = many(full(regionId=TEXT, observedAt=TIME, withdrawn=FLAG))
MAP: Final = full(
    regionId=TEXT,
    observedAt=TIME,
    withdrawn=FLAG,
    states=_STATES,
    domainCounts={"type": "object", "additionalProperties": AMOUNT},
    pods=many(full(id=TEXT, flavorId=TEXT, version=AMOUNT, states=_STATES, domains=many(_MAP_DOMAIN))),
)

_QUOTA: Final[dict[str, Any]] = {
    "organizationId": TEXT,
    "subject": TEXT,
    "used": AMOUNT,
    "isDefault": FLAG,
}
OPERATOR_QUOTAS: Final = many(full(limit=AMOUNT, **_QUOTA))
OPERATOR_QUOTA_CHANGE: Final = record(
    " ".join([*_QUOTA, "countedIn"]), limit=AMOUNT, countedIn=AMOUNT, **_QUOTA
)

_KEY: Final[dict[str, Any]] = {
    "id": TEXT,
    "organizationId": TEXT,
    "subject": TEXT,
    "name": TEXT,
    "scopes": many(one_of("read_write", "read_only", "billing_only")),
    "creationTime": TIME,
    "lastFour": TEXT,
}
API_KEY: Final = full(**_KEY)
API_KEYS: Final = many(API_KEY)
API_KEY_MADE: Final = full(key={"type": "string", "pattern": "^nv_[A-Za-z0-9_-]{43}$"}, **_KEY)

IMPACT: Final = full(
    hostCount=AMOUNT,
    freeHostCount=AMOUNT,
    holders=many(
        record(
            "kind id organizationId status since hosts",
            kind=one_of("reservation", "placement", "capacityClaim", "vm"),
            id=TEXT,
            organizationId=TEXT,
            status=TEXT,
            since=TIME,
            until=TIME,
            allowedTime=TIME,
            hosts=many(TEXT),
        )
    ),
)
DRAIN: Final = record(
    "regionId podId empty impact",
    regionId=TEXT,
    podId=TEXT,
    cordon=CORDON,
    empty=FLAG,
    impact=IMPACT,
)

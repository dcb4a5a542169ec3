"""What the operators' API answers as JSON Schema, written by hand: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract_words import AMOUNT, FLAG, TEXT, TIME, full, many, one_of, record

TARGET: Final[dict[str, Any]] = record("", podId=TEXT, domainId=TEXT, hostId=TEXT)
CORDON: Final = record(
    "target source",
    target=TARGET,
    source=one_of("operator", "fleetDocument"),
    reason=TEXT,
    since=TIME,
    by=TEXT,
)
CORDONS: Final = many(CORDON)
CORDON_CHANGE: Final = full(cordons=CORDONS, podsWritten=AMOUNT)

_MAINTENANCE_PARTS: Final[dict[str, Any]] = {
    "id": TEXT,
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

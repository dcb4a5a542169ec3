"""The expected response to each event file of the history of reservations and placements."""

from __future__ import annotations

from typing import Final

from testkit.handlers import arrangements as given
from testkit.handlers import history_arrangements as history
from tests.functional.case import no, ok
from tests.functional.contract_words import AMOUNT, TEXT, TIME, many, one_of, record

EVENT: Final = record(
    "id event time sequence status",
    id=TEXT,
    event=one_of(
        *("created", "accepted", "provisioned", "changed", "failed", "interruption_announced"),
        *("interrupted", "ended", "released"),
    ),
    time=TIME,
    sequence=TEXT,
    status=TEXT,
    statusBefore=TEXT,
    hosts=AMOUNT,
    effectiveAt=TIME,
    message=TEXT,
) | {"additionalProperties": False}
EVENTS: Final = many(EVENT)
DECIMAL: Final = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}

_RESERVATION, _PLACEMENT = "list_reservation_events", "list_placement_events"

USAGE: Final = many(
    record(
        "organizationId kind id regionId accelerator day gpuSecondsHeld gpuSecondsUsed gpuHoursHeld",
        organizationId=TEXT,
        projectId=TEXT,
        kind=one_of("reservation", "capacityclaim", "vm"),
        id=TEXT,
        name=TEXT,
        regionId=TEXT,
        accelerator=TEXT,
        terms=TEXT,
        day={"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        gpuSecondsHeld=AMOUNT,
        gpuSecondsUsed=AMOUNT,
        gpuHoursHeld=DECIMAL,
        listPrice=DECIMAL,
        listCost=DECIMAL,
        currency=TEXT,
    )
    | {"additionalProperties": False}
)
_USAGE, _ALL_USAGE = "list_usage", "list_all_usage"

HISTORY_CASES: Final = (
    ok(_USAGE, "all", USAGE, after=history.used),
    ok(_USAGE, "all", USAGE),
    no(_USAGE, "since_malformed", 400, "invalid_request"),
    no(_USAGE, "days_too_many", 400, "invalid_request"),
    no(_USAGE, "format_unknown", 400, "invalid_request"),
    ok(_ALL_USAGE, "all", USAGE, after=history.used),
    ok(_ALL_USAGE, "of_one", USAGE, after=history.used),
    ok(_RESERVATION, "all", EVENTS, after=history.told),
    ok(_RESERVATION, "all", EVENTS, after=given.reserved),
    ok(_RESERVATION, "all", EVENTS, after=history.gone),
    no(_RESERVATION, "all", 404, "not_found", after=given.gone),
    ok(_RESERVATION, "page", EVENTS, after=history.told),
    ok(_RESERVATION, "by_operator", EVENTS, after=history.told),
    no(_RESERVATION, "cursor_malformed", 400, "invalid_request", after=history.told),
    ok(_PLACEMENT, "all", EVENTS, after=history.told),
    ok(_PLACEMENT, "all", EVENTS, after=given.placed),
    no(_PLACEMENT, "all", 404, "not_found"),
)

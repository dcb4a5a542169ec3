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

_RESERVATION, _PLACEMENT = "list_reservation_events", "list_placement_events"

HISTORY_CASES: Final = (
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

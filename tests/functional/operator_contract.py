"""What the operators' API answers as JSON Schema, written by hand: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract_words import AMOUNT, TEXT, TIME, full, many, one_of, record

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

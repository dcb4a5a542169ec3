"""Faults of servers and hosts that customers report: what they say, and where it is kept for operators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.decoding import decoder, second, text, text_or_none
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.dynamodb.writes import Put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gpu_capacity.dynamodb.client import Item
    from gpu_capacity.dynamodb.database import Database

KEPT_SECONDS: Final = 90 * 86_400
LISTED_MAX: Final = 1000
"""Reports of a region that are listed, the latest ones."""


class FaultReason(StrEnum):
    """What does not work, in the words of the API. Append-only."""

    GPU = "gpu"
    MEMORY = "memory"
    NETWORK = "network"
    NVLINK = "nvlink"
    STORAGE = "storage"
    POWER = "power"
    THERMAL = "thermal"
    UNREACHABLE = "unreachable"
    OTHER = "other"


class FaultOutcome(StrEnum):
    """What came of a report, in the words of the API: its server moves, or it is only recorded."""

    MOVING = "moving"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class FaultReport:
    """A report. ``reported_at`` is in seconds since the epoch.

    ``text`` is the customer's, ``seen`` what a look at host and server has shown.
    """

    region_id: str
    reported_at: int
    organization_id: str
    placement_id: str
    server_id: str
    host_id: str
    reason: FaultReason
    outcome: FaultOutcome
    seen: str
    by: str
    text: str | None = None


class FaultReportStore:
    """Fault reports in the holders table. The database removes them after ``KEPT_SECONDS``.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def add(self, report: FaultReport) -> None:
        """Keep a report. It is one with a repeat: the same words by the same caller in the same second."""
        self._database.commit(Put("fault report", self._table, encode_fault_report(report)))

    def of_regions(self, regions: Iterable[str]) -> list[FaultReport]:
        """The reports of these regions, latest first."""
        found: list[FaultReport] = []
        for region_id in sorted(set(regions)):
            items = self._database.query(self._table, keys.fault_reports(region_id), "")
            found += self._database.readable(items, decode_fault_report)
        return sorted(found, key=lambda one: (-one.reported_at, one.server_id))[:LISTED_MAX]


def encode_fault_report(report: FaultReport) -> Item:
    """The report as an item."""
    said = "\0".join((report.by, report.reason.value, report.text or "")).encode(errors="surrogatepass")
    digest = sha256(said).hexdigest()[:16]
    return keys.fault_report(report.region_id, report.reported_at, report.server_id, digest) | encode(
        {
            "organization": report.organization_id,
            "placement": report.placement_id,
            "server": report.server_id,
            "host": report.host_id,
            "reason": report.reason.value,
            "outcome": report.outcome.value,
            "seen": report.seen,
            "by": report.by,
            "text": report.text,
            "reported_at": report.reported_at,
            TTL_ATTRIBUTE: report.reported_at + KEPT_SECONDS,
        }
    )


@decoder
def decode_fault_report(item: Mapping[str, Any]) -> FaultReport:
    """The report of an item."""
    return FaultReport(
        region_id=text(item, "pk").removeprefix(keys.fault_reports("")),
        reported_at=second(item, "reported_at"),
        organization_id=text(item, "organization"),
        placement_id=text(item, "placement"),
        server_id=text(item, "server"),
        host_id=text(item, "host"),
        reason=FaultReason(text(item, "reason")),
        outcome=FaultOutcome(text(item, "outcome")),
        seen=text(item, "seen"),
        by=text(item, "by"),
        text=text_or_none(item, "text"),
    )

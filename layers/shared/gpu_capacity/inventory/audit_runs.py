"""Runs of the consistency check: who asked for each, when it ran, and what it found, for operators to read.

Who asks for a run records it, and a function then runs it. A request may reach the function late, twice, or
never: it is run by whoever first records its start, if that is soon enough.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Committed, Refused
from gpu_capacity.dynamodb.decoding import decoder, second, second_or_none, text, text_or_none
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from gpu_capacity.dynamodb.client import Item
    from gpu_capacity.dynamodb.database import Database

KEPT_SECONDS: Final = 90 * 86_400

START_SECONDS_MAX: Final = 900
"""A request that has not begun after so long never begins."""

RUN_SECONDS_MAX: Final = 900
"""The time limit of the function: a run that has not ended after so long died."""

ENTRIES_BYTES_MAX: Final = 64_000
"""What a record keeps of findings, notes and what was left unjudged. DynamoDB takes items of 400 KB; lists
read whole records."""

_RUN: Final = "audit run"
_LISTS: Final = ("findings", "unjudged", "notices")
_SENDS_MAX: Final = 8
_ENTROPY_DIGITS: Final = 16


class AuditStatus(StrEnum):
    """How far a run is, in the words of the API. Append-only."""

    REQUESTED = "requested"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RepairOrder:
    """Findings of an earlier run that an operator wants repaired.

    ``take_away`` has the names of owners without any record whose things may be deleted at a provider.
    Unless it is ``applied``, the run only shows what would be done.
    """

    audit_id: str
    finding_ids: tuple[str, ...]
    take_away: tuple[str, ...]
    reason: str
    applied: bool


@dataclass(frozen=True, slots=True)
class AuditRun:
    """A run. Times are in seconds since the epoch.

    ``execution`` is random, and tells who runs it from everybody else. ``report`` is what ``kept_report``
    keeps of a run that has ended, and ``failure`` says why there is none. ``order``: it repairs findings.
    """

    id: str
    by: str
    requested_at: int
    execution: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    report: Mapping[str, Any] | None = None
    failure: str | None = None
    order: RepairOrder | None = None

    @property
    def organization_id(self) -> str:
        """Of no organization: the same place in pages for all."""
        return ""

    def status_at(self, now: int) -> AuditStatus:
        """How far it is."""
        if self.ended_at is not None:
            return AuditStatus.ENDED if self.failure is None else AuditStatus.FAILED
        if self.started_at is None:
            lost = now - self.requested_at > START_SECONDS_MAX
            return AuditStatus.FAILED if lost else AuditStatus.REQUESTED
        return AuditStatus.FAILED if now - self.started_at > RUN_SECONDS_MAX else AuditStatus.RUNNING

    def failure_at(self, now: int) -> str | None:
        """Why it has no report; ``None`` if it has one, or may still get one."""
        if self.failure is not None or self.status_at(now) is not AuditStatus.FAILED:
            return self.failure
        return "it never began" if self.started_at is None else "it died, or ran out of time"


def new_id(now_ms: int, entropy: bytes) -> str:
    """The id of a run. Later ones are greater."""
    return f"{now_ms:012x}-{entropy.hex()[:_ENTROPY_DIGITS]}"


def finding_id(kind: str, subject: str) -> str:
    """The id of a finding: the same in every run that finds it."""
    return hashlib.sha256(f"{kind}\n{subject}".encode(errors="replace")).hexdigest()[:_ENTROPY_DIGITS]


def kept_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a report: all, as far as it has room, and how many entries it had of each kind.

    What has no room is left out as a whole; ``leftOut`` says how many entries.
    """
    kept: dict[str, Any] = {"clean": report["clean"], "read": report["read"]}
    room, left_out = ENTRIES_BYTES_MAX, 0
    for name in _LISTS:
        kept[name], kept[f"{name}Count"] = [], len(report[name])
        for entry in report[name]:
            size = len(json.dumps(entry, ensure_ascii=False).encode(errors="replace"))
            if size > room:
                left_out += 1
                continue
            room -= size
            kept[name].append(entry)
    return kept | {"leftOut": left_out}


def findings_of(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The findings of a kept report by their ids, which reports of earlier versions do not state."""
    found = (dict(one) | {"id": finding_id(one["kind"], one["subject"])} for one in report["findings"])
    return {one["id"]: one for one in found}


class AuditRunStore:
    """Runs in the inventory table. The database removes them after ``KEPT_SECONDS``.

    Args:
        database: where to read and write.
        table: name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def get(self, run_id: str) -> AuditRun | None:
        """A run as read now; ``None`` if there is none of this id.

        Raises:
            UnreadableItem: it cannot be read.
        """
        item = self._database.get(self._table, keys.audit_run(run_id))
        return decode_audit_run(item) if item else None

    def newest_first(self, below: str | None, limit: int) -> Iterator[AuditRun]:
        """All runs, the latest first. One that cannot be read is reported and left out.

        Args:
            below: the id of the last run of the page before; None for the first page.
            limit: how many one request fetches.
        """
        found = self._database.query_backwards(
            self._table, keys.AUDITS_PARTITION, keys.AUDIT_PREFIX, below=below, limit=limit
        )
        return self._database.readable(found, decode_audit_run)

    def create(self, run: AuditRun) -> None:
        """Record a new run. Its id is random, so a record under it is this one.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        self._write(run, "attribute_not_exists(pk)")

    def start(self, run: AuditRun, execution: str, now: int) -> AuditRun | None:
        """Record that a run that was asked for begins; ``None`` if another execution began it.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        started = replace(run, execution=execution, started_at=now)
        asked_for = "attribute_exists(pk) AND attribute_not_exists(execution)"
        return started if self._write(started, asked_for) else None

    def end(self, run: AuditRun) -> None:
        """Record how a run ended, if this execution still runs it.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        self._write(
            run,
            "execution = :execution AND attribute_not_exists(ended_at)",
            {":execution": encode_value(run.execution)},
        )

    def _write(self, run: AuditRun, condition: str, values: Item | None = None) -> bool:
        """Whether the record is as given now: a write may be sent twice, and its first answer lost."""
        put = Put(_RUN, self._table, encode_audit_run(run), condition, {}, values or {})
        for attempt in range(_SENDS_MAX):
            match self._database.commit(put):
                case Committed():
                    return True
                case Refused(items=items):
                    found = items.get(_RUN)
                    return found is not None and decode_audit_run(found) == run
            self._database.pause(attempt)
        raise StorageUnavailable("rival writes did not end", outcome_unknown=False)


def encode_audit_run(run: AuditRun) -> Item:
    """The run as an item."""
    report = None if run.report is None else json.dumps(run.report)
    return keys.audit_run(run.id) | encode(
        {
            "by": run.by,
            "requested_at": run.requested_at,
            "execution": run.execution,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "report": report,
            "failure": run.failure,
            "repair_order": None if run.order is None else json.dumps(asdict(run.order)),
            TTL_ATTRIBUTE: run.requested_at + KEPT_SECONDS,
        }
    )


@decoder
def decode_audit_run(item: Mapping[str, Any]) -> AuditRun:
    """The run of an item."""
    report, order = text_or_none(item, "report"), text_or_none(item, "repair_order")
    return AuditRun(
        id=text(item, "sk").removeprefix(keys.AUDIT_PREFIX),
        by=text(item, "by"),
        requested_at=second(item, "requested_at"),
        execution=text_or_none(item, "execution"),
        started_at=second_or_none(item, "started_at"),
        ended_at=second_or_none(item, "ended_at"),
        report=None if report is None else json.loads(report),
        failure=text_or_none(item, "failure"),
        order=None if order is None else _order(json.loads(order)),
    )


def _order(plain: Mapping[str, Any]) -> RepairOrder:
    return RepairOrder(
        audit_id=str(plain["audit_id"]),
        finding_ids=tuple(map(str, plain["finding_ids"])),
        take_away=tuple(map(str, plain["take_away"])),
        reason=str(plain["reason"]),
        applied=plain["applied"] is True,
    )

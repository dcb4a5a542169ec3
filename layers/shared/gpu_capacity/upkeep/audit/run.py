"""Runs the consistency check: finds every disagreement between pods, records and what is derived from them.

    ask providers for all they have, read all tables → rules
    → for each finding, read its items again in one transaction, ask again about its owners → the same rules

Reading whole tables takes some time, and traffic goes on meanwhile. So a first finding is only a suspicion.
It is reported only if its items, read in one transaction, show it again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.upkeep.audit.bookkeeping import findings_of
from gpu_capacity.upkeep.audit.findings import Finding, Kind, TakeAway
from gpu_capacity.upkeep.audit.repair import EFFECTS, NEEDS_WORD, Result, expected, lacks_word, repair

if TYPE_CHECKING:
    from collections.abc import Collection

    from gpu_capacity.ports import Telemetry
    from gpu_capacity.upkeep.audit.facts import Facts
    from gpu_capacity.upkeep.audit.means import Audit

RECOUNTS_MAX: Final = 8
"""Readings of an organization that changes all the time before its quota is left unjudged."""

ADVICE: Final[dict[Kind, str]] = {
    Kind.DOUBLE: "decide which customer keeps the hardware; the other one's holder has to give it up",
    Kind.LEAKED: "repair it where the holder is gone: frees it once no server is left on it",
    Kind.ORPHANED: "before anything else is sold there, mark it as the holder's, or delete the holder",
    Kind.CONTRADICTORY: "the record contradicts itself: restore it, or delete the holder",
    Kind.WRONG_HASH: "repair it, or write the hash of the hardware as it is now",
    Kind.QUOTA_DRIFT: "repair it when little is going on, or set used to the recount",
    Kind.QUEUE_STALE: "repair it: nobody behind this entry is served",
    Kind.QUEUE_MISSING: "repair it: the claim is never served",
    Kind.NAME_STALE: "repair it: nobody can use the name",
    Kind.NAME_MISSING: "repair it, or, where another claim has the name, delete one of the two",
    Kind.SERVER_LEAKED: "repair it where a record says that its holder is over; else ask whose it is",
    Kind.SERVER_DISAGREES: "ask the provider what runs on the host, and delete what should not",
    Kind.UNSETTLED_MISSING: "repair it: no schedule finds the record",
    Kind.UNREADABLE: "restore the item; until then nothing that rests on it is judged",
    Kind.ROSTER_STALE: "repair it: schedules and preemption go by what the roster says",
    Kind.ROSTER_MISSING: "repair it: no schedule finds the VM, and nothing preempts it",
    Kind.LISTING_STALE: "repair it: a page of the list is shorter than it should be",
    Kind.LISTING_MISSING: "repair it: the VM is in no list",
    Kind.NOTICE_STALE: "repair it: the VM shows a notice that never ends, and cannot be preempted",
    Kind.NOTICE_MISSING: "destroy the VM that waits: it never gets its GPUs",
    Kind.DISK_LEAKED: "repair it where a record says that its VM is destroyed; else ask whose it is",
    Kind.API_KEY_UNLISTED: "repair it, then revoke the key if nobody's",  # pragma: allowlist secret
    Kind.API_KEY_MISSING: "repair it: the key opens nothing",  # pragma: allowlist secret
    Kind.PROVIDER_SILENT: "nothing of what it has was judged, and nothing is freed that it has to speak for",
    Kind.OCCUPIED_STALE: "restore the placement, or remove the attribute: the hosts can have no placement",
    Kind.OCCUPIED_MISSING: "delete the placement before another one gets its hosts, or restore the record",
    Kind.HOLDER_UNLISTED: "repair it: operators do not see the holder in lists and maps",
    Kind.HOST_TWICE: "correct the fleet document; if both places are owned, end one of the holders",
}
"""What an operator should do, by kind; ``docs/audit.md`` says how."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding, its result, and why it was not repaired."""

    finding: Finding
    result: Result
    why: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of a consistency check.

    Attributes:
        reported: confirmed findings.
        notices: mere notes: worth an operator's attention, but against no rule.
        unjudged: suspicions that could not be confirmed or dismissed because of traffic; the next check will.
        read: how many items of each kind were read.
    """

    reported: tuple[Reported, ...]
    notices: tuple[Finding, ...] = ()
    unjudged: tuple[Finding, ...] = ()
    read: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether no confirmed finding is left."""
        return all(one.result in (Result.REPAIRED, Result.VANISHED) for one in self.reported)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "clean": self.is_clean,
            "findings": [
                _plain(one.finding) | {"result": one.result.value} | ({"why": one.why} if one.why else {})
                for one in self.reported
            ],
            "notices": [_plain(finding) for finding in self.notices],
            "unjudged": [_plain(finding) for finding in self.unjudged],
            "read": self.read,
        }


LIMITING: Final = (Kind.PROVIDER_SILENT, Kind.UNREADABLE)
"""Because of these something else may not be found."""


def audit_holders(audit: Audit, *, fix: bool = False, chosen: Collection[str] | None = None) -> AuditReport:
    """Read everything, and report confirmed findings.

    Args:
        audit: collaborators.
        fix: also make the repairs that are provably safe.
        chosen: ids of the only findings to report and repair, and what their repairs would come to; those
            that limit what can be found are reported as well. None for all.

    Raises:
        StorageUnavailable: the database did not answer, so there is no result.
    """
    # Providers before records: a hold or a server begins after its record and ends before it, so one without
    # a record is certainly one too many.
    listed, silent = audit.providers.everything()
    facts = _with_answers(audit.store.read_all(), listed)
    certain, notices, unjudged = list(silent), list[Finding](), list[Finding]()
    for suspicion in findings_of(facts):
        if chosen is not None and suspicion.id not in chosen and suspicion.kind not in LIMITING:
            continue
        confirmed = _confirmed(audit, suspicion)
        if isinstance(confirmed, Finding):
            (certain if confirmed.certain else notices).append(confirmed)
        elif confirmed is _Doubt.UNCLEAR:
            unjudged.append(suspicion)
    if fix:
        reported = [_repaired(audit, finding) for finding in certain]
    elif chosen is not None:
        reported = [Reported(finding, *expected(audit, finding)) for finding in certain]
    else:
        reported = [_reported(audit, finding) for finding in certain]
    report = AuditReport(tuple(reported), tuple(notices), tuple(unjudged), _sizes(facts))
    _emit(audit.telemetry, report)
    return report


def _reported(audit: Audit, finding: Finding) -> Reported:
    """A confirmed finding, and whether it can be repaired."""
    if finding.repair is None:
        return Reported(finding, Result.REPORTED)
    wordless = isinstance(finding.repair, TakeAway) and lacks_word(audit, finding.repair)
    return Reported(finding, Result.REPAIRABLE, NEEDS_WORD if wordless else "")


def _repaired(audit: Audit, finding: Finding) -> Reported:
    """A confirmed finding with the result of its repair.

    It is confirmed again right before that, as an earlier repair may have changed the same items.
    """
    if finding.repair is None:
        return Reported(finding, Result.REPORTED)
    match _confirmed(audit, finding):
        case _Doubt.DISMISSED:
            return Reported(finding, Result.VANISHED)
        case Finding() as fresh:
            return Reported(finding, *repair(audit, fresh))
        case _:
            return Reported(finding, Result.REFUSED, "it could not be looked at again: run again")


def _with_answers(facts: Facts, answers: Facts) -> Facts:
    return replace(
        facts,
        holds=answers.holds,
        servers=answers.servers,
        vm_servers=answers.vm_servers,
        disks=answers.disks,
    )


class _Doubt(Enum):
    """Why a suspicion is no finding: it is false, or it could not be judged."""

    DISMISSED = auto()
    UNCLEAR = auto()


def _confirmed(audit: Audit, suspicion: Finding) -> Finding | _Doubt:
    """The finding as it is now, from a read of its items in one transaction."""
    if suspicion.kind is Kind.QUOTA_DRIFT:
        return _recounted(audit, suspicion)
    facts = audit.store.read_together(suspicion.sides)
    if not suspicion.questions:
        return _judged(suspicion, facts)
    try:
        return _judged(suspicion, _with_answers(facts, audit.providers.answers(suspicion.questions)))
    except ProviderUnavailable:
        return _Doubt.UNCLEAR


def _recounted(audit: Audit, suspicion: Finding) -> Finding | _Doubt:
    """Compare a quota with all holders of its organization, of which there may be any number.

    They do not fit into one transaction. So they are read before and after the quota, twice over, until three
    readings of the holders around two of the quota are equal. A real drift stays the same under any traffic,
    as every write changes both alike. For a false one, holders would have to come and go unseen around both
    readings of the quota.
    """
    (side,) = suspicion.sides
    readings, counts = [audit.store.read_organization(side.pk)], []
    for attempt in range(RECOUNTS_MAX):
        counts.append(audit.store.read_quota(side))
        readings.append(audit.store.read_organization(side.pk))
        quiet = all(reading.holders == readings[-1].holders for reading in readings[-3:])
        if len(counts) > 1 and quiet and counts[-1] == counts[-2]:
            count, last = counts[-1], readings[-1]
            return _judged(suspicion, replace(last, quotas={side: count} if count else {}))
        if not quiet:
            audit.pause(attempt)
    return _Doubt.UNCLEAR


def _judged(suspicion: Finding, facts: Facts) -> Finding | _Doubt:
    """Whether the facts show a suspicion again. A repair must have been safe by the first reading as well."""
    for finding in findings_of(facts):
        if finding.identity == suspicion.identity:
            return finding if suspicion.repair is not None else replace(finding, repair=None)
    return _Doubt.DISMISSED


def _sizes(facts: Facts) -> dict[str, int]:
    return {
        "pods": len(facts.owners),
        "holders": len(facts.holders),
        "queue_entries": len(facts.entries),
        "names": len(facts.names),
        "quotas": len(facts.quotas),
        "holds": len(facts.holds),
        "servers": len(facts.servers) + len(facts.vm_servers),
        "roster_entries": len(facts.roster),
        "api_keys": len(facts.api_keys),
    }


def _plain(finding: Finding) -> dict[str, object]:
    plain: dict[str, object] = {
        "id": finding.id,
        "kind": finding.kind.value,
        "subject": finding.subject,
        "message": finding.message,
        "advice": ADVICE[finding.kind],
        "items": [f"{side.table}: {side}" for side in finding.sides],
        "asked": [str(question) for question in finding.questions],
    }
    if finding.repair is not None:
        plain["repair"] = EFFECTS[type(finding.repair)]
    if isinstance(finding.repair, TakeAway) and finding.repair.needs_word:
        plain["takeAway"] = finding.repair.thing.name
    return plain


def _emit(telemetry: Telemetry, report: AuditReport) -> None:
    """Emit the metrics, by kind for findings that are left, and a log line for each finding."""
    telemetry.count("AuditsRun")
    left = Counter(
        one.finding.kind for one in report.reported if one.result not in (Result.REPAIRED, Result.VANISHED)
    )
    for kind, count in sorted(left.items()):
        telemetry.count("AuditFindings", count, kind=kind.value)
    if repaired := sum(one.result is Result.REPAIRED for one in report.reported):
        telemetry.count("AuditRepairs", repaired)
    if report.unjudged:
        telemetry.count("AuditUnjudged", len(report.unjudged))
    for one in report.reported:
        telemetry.warning(
            "audit finding",
            kind=one.finding.kind.value,
            subject=one.finding.subject,
            reason=one.finding.message,
            result=one.result.value,
            why=one.why,
        )
    telemetry.info("audit done", clean=report.is_clean, findings=len(report.reported), **report.read)

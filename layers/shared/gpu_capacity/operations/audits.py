"""Start an audit, or repairs of what one has found, in the background; and read what they have found."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest, NotFound, StateConflict
from gpu_capacity.inventory.audit_runs import AuditRun, AuditStatus, RepairOrder, findings_of, new_id
from gpu_capacity.operations.reasons import check_reason

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasAuditRuns, HasClock, HasIds, HasTelemetry
    from gpu_capacity.ports import Audits

    class Needs(HasAuditRuns, HasClock, HasIds, HasTelemetry, Protocol):
        """What starting an audit works with."""

        @property
        def audits(self) -> Audits:
            """Runs audits."""


_FETCHED: Final = 25


def start_audit(services: Needs, actor: str) -> AuditRun:
    """Record that an audit was asked for, and have it run.

    Raises:
        AuditNotStarted: it was perhaps not started. If it was not, its record says so later.
        StorageUnavailable: the outcome is unknown.
    """
    run_id = new_id(services.clock.now_ms(), services.ids.random_bytes())
    run = AuditRun(run_id, actor, services.clock.now())
    services.audit_runs.create(run)
    services.audits.start(run.id)
    services.telemetry.audit(actor, "start_audit", run.id, "requested")
    return run


def start_repair(services: Needs, actor: str, order: RepairOrder) -> AuditRun:
    """Record that findings of an audit are to be repaired, and have that done.

    What is not found again at that moment is not repaired. Unless the order is applied, nothing is: the run
    shows what would be done, and is run where nothing can be changed.

    Raises:
        AuditNotStarted: it was perhaps not started. If it was not, its record says so later.
        InvalidRequest: there is no reason; a finding is not one of the audit or has no repair; or a name to
            take away is not that of one of the findings.
        NotFound: there is no such audit, or not any more.
        StateConflict: the audit has no report: it has not ended, or it failed.
        StorageUnavailable: the outcome is unknown.
    """
    check_reason(order.reason)
    audit = get_audit(services, order.audit_id)
    if audit.report is None or audit.status_at(services.clock.now()) is not AuditStatus.ENDED:
        raise StateConflict("the audit has no report: wait until it has ended, or start another one")
    known = findings_of(audit.report)
    names = {known[one].get("takeAway") for one in order.finding_ids if one in known}
    for place, finding in enumerate(order.finding_ids):
        if known.get(finding, {}).get("result") in (None, "reported"):
            raise InvalidRequest(f"findingIds[{place}]", "must be a finding of this audit that has a repair")
    for place, name in enumerate(order.take_away):
        if name not in names:
            raise InvalidRequest(f"takeAway[{place}]", "must be the name that one of the findings states")
    run_id = new_id(services.clock.now_ms(), services.ids.random_bytes())
    run = AuditRun(run_id, actor, services.clock.now(), order=order)
    services.audit_runs.create(run)
    # Before it is begun: there is no repair without this line.
    services.telemetry.audit(
        actor,
        "start_repair",
        run.id,
        "requested",
        audit=order.audit_id,
        findings=list(order.finding_ids),
        take_away=list(order.take_away),
        applied=order.applied,
        reason=order.reason,
    )
    (services.audits.repair if order.applied else services.audits.start)(run.id)
    return run


def get_audit(services: HasAuditRuns, run_id: str) -> AuditRun:
    """A run of the audit.

    Raises:
        NotFound: there is none of this id, or not any more.
    """
    run = services.audit_runs.get(run_id)
    if run is None:
        raise NotFound("audit")
    return run


def list_audits(services: HasAuditRuns, below: str | None, limit: int | None) -> list[AuditRun]:
    """The latest runs, of the schedule as well, latest first.

    Args:
        services: collaborators.
        below: the id of the last run of the page before; None for the first page.
        limit: how many; None for all that are kept.
    """
    return list(islice(services.audit_runs.newest_first(below, limit or _FETCHED), limit))

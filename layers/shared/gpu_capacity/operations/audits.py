"""Start an audit in the background, and read what audits have found."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.audit_runs import AuditRun, new_id

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

"""Runs of the audit in the operators' API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import cut, page_of
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.inventory.audit_runs import AuditStatus
from gpu_capacity.operations.audits import get_audit, list_audits, start_audit
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from gpu_capacity.holders.roles import HasAuditRuns, HasClock
    from gpu_capacity.http.call import Call
    from gpu_capacity.inventory.audit_runs import AuditRun
    from gpu_capacity.operations.audits import Needs

    class Shown(HasAuditRuns, HasClock, Protocol):
        """What runs are shown from."""


class AuditRead(Body):
    """A run of the audit."""

    model_config = ConfigDict(title="auditRead")

    id: str
    by: str = Field(description="Who asked for it: an operator, or the schedule.")
    status: AuditStatus = Field(description="`failed`: it has no report, and never will.")
    requested_time: Timestamp
    started_time: Timestamp | None = None
    ended_time: Timestamp | None = None
    failure: str | None = Field(default=None, description="Why it failed.")
    clean: bool | None = Field(default=None, description="Whether nothing disagrees, once it has ended.")
    finding_count: int | None = None
    unjudged_count: int | None = None
    notice_count: int | None = None


class AuditFindingRead(Body):
    """Something that disagrees."""

    model_config = ConfigDict(title="auditFinding")

    kind: str = Field(description="One of those in the guide to the audit.")
    subject: str
    message: str
    advice: str = Field(description="What to do about it.")
    items: list[str] = Field(description="The items of the tables that were compared.")
    asked: list[str] = Field(description="What a provider was asked about.")
    result: str | None = Field(default=None, description="`repairable` if `make audit` can repair it.")
    why: str | None = None


class AuditDetailRead(AuditRead):
    """A run of the audit with what it found."""

    model_config = ConfigDict(title="auditDetailRead")

    findings: list[AuditFindingRead]
    unjudged: list[AuditFindingRead] = Field(description="What traffic kept from being judged.")
    notices: list[AuditFindingRead] = Field(description="Worth a look, and against no rule.")
    left_out_count: int = Field(description="How many of all these had no room; the log has all findings.")
    read: dict[str, int] = Field(description="How many items of each kind were read.")


def start(call: Call[Needs]) -> Reply:
    """202 with a run that begins soon."""
    run = start_audit(call.services, call.caller.subject)
    return Reply(HTTPStatus.ACCEPTED, _view(run, call.services.clock.now()), NO_CACHE)


def show_all(call: Call[Shown]) -> Reply:
    """200 with runs, the latest first; ``Link`` leads to the next page."""
    page = page_of(call, "audits", ())
    below = None if page.after is None else page.after[0]
    found = list_audits(call.services, below, page.window.limit)
    now = call.services.clock.now()
    views, link = cut(page, found, lambda run: _view(run, now))
    return Reply(HTTPStatus.OK, views, NO_CACHE | link)


def show(call: Call[Shown]) -> Reply:
    """200 with a run and what it found."""
    run = get_audit(call.services, call.path_parameters["auditID"])
    report = run.report or {}
    found = {name: report.get(name, []) for name in ("findings", "unjudged", "notices")}
    rest = {"leftOutCount": report.get("leftOut", 0), "read": report.get("read", {})}
    return Reply(HTTPStatus.OK, _view(run, call.services.clock.now()) | found | rest, NO_CACHE)


def _view(run: AuditRun, now: int) -> dict[str, Any]:
    report: Mapping[str, Any] = run.report or {}
    return as_json(
        AuditRead.model_construct(
            id=run.id,
            by=run.by,
            status=run.status_at(now),
            requested_time=timestamp(run.requested_at),
            started_time=timestamp(run.started_at),
            ended_time=timestamp(run.ended_at),
            failure=run.failure_at(now),
            clean=report.get("clean"),
            finding_count=report.get("findingsCount"),
            unjudged_count=report.get("unjudgedCount"),
            notice_count=report.get("noticesCount"),
        )
    )

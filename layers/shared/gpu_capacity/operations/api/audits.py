"""Runs of the audit in the operators' API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import ConfigDict, Field, StrictBool, StrictStr

from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import cut, page_of
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.inventory.audit_runs import AuditStatus, RepairOrder, finding_id
from gpu_capacity.operations.audits import get_audit, list_audits, start_audit, start_repair
from gpu_capacity.operations.reasons import REASON_BYTES_MAX
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


FINDINGS_MAX: Final = 50
"""How many findings one order names: the record of a run has room for what becomes of them."""

_Name = Annotated[StrictStr, Field(min_length=1, max_length=255)]


class RepairBody(Body):
    """Which findings of an audit to repair, and why."""

    model_config = ConfigDict(title="auditRepair")

    finding_ids: list[_Name] = Field(min_length=1, max_length=FINDINGS_MAX)
    take_away: list[_Name] = Field(
        default_factory=list,
        max_length=FINDINGS_MAX,
        description="Names that findings state as `takeAway`: what these have at a provider may be deleted, "
        "although no record says that they are over.",
    )
    reason: StrictStr = Field(min_length=1, max_length=REASON_BYTES_MAX, description="At most 512 bytes.")
    apply: StrictBool = Field(
        default=False, description="Whether to repair; without it the run shows what would be done."
    )

    def order(self, audit_id: str) -> RepairOrder:
        """What is ordered; each finding and each name once."""
        once = (tuple(dict.fromkeys(self.finding_ids)), tuple(dict.fromkeys(self.take_away)))
        return RepairOrder(audit_id, *once, self.reason, self.apply)


class RepairRead(Body):
    """What a run was ordered to repair."""

    model_config = ConfigDict(title="auditRepairRead")

    audit_id: str = Field(description="The run that has found it.")
    finding_ids: list[str]
    take_away: list[str]
    reason: str
    apply: bool


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
    repair: RepairRead | None = Field(
        default=None, description="Present if it repairs findings, or shows what that would do."
    )


class AuditFindingRead(Body):
    """Something that disagrees."""

    model_config = ConfigDict(title="auditFinding")

    id: str = Field(description="The same in every run that finds it.")
    kind: str = Field(description="One of those in the guide to the audit.")
    subject: str
    message: str
    advice: str = Field(description="What to do about it.")
    items: list[str] = Field(description="The items of the tables that were compared.")
    asked: list[str] = Field(description="What a provider was asked about.")
    result: str | None = Field(
        default=None,
        description="`repairable` if it can be repaired. Of a run that repairs: `repaired`, `refused` if "
        "something moved on, `vanished` if it was not found any more, or `reported` if nothing was tried.",
    )
    why: str | None = None
    repair: str | None = Field(default=None, description="What its repair does.")
    take_away: str | None = Field(
        default=None, description="The name that has to be given, as no record says that its holder is over."
    )


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


def repair(call: Call[Needs]) -> Reply:
    """202 with a run that begins soon: it repairs, or shows what would be done."""
    order = call.body(RepairBody).order(call.path_parameters["auditID"])
    run = start_repair(call.services, call.caller.subject, order)
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
    found = {
        name: [{"id": finding_id(one["kind"], one["subject"]), **one} for one in report.get(name, [])]
        for name in ("findings", "unjudged", "notices")
    }
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
            repair=None if run.order is None else _order_view(run.order),
        )
    )


def _order_view(order: RepairOrder) -> RepairRead:
    return RepairRead.model_construct(
        audit_id=order.audit_id,
        finding_ids=list(order.finding_ids),
        take_away=list(order.take_away),
        reason=order.reason,
        apply=order.applied,
    )

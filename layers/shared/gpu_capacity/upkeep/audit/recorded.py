"""Runs a consistency check, or the repairs of one, and records what it found, for operators to read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.audit_runs import AuditRun, AuditStatus, findings_of, kept_report, new_id
from gpu_capacity.upkeep.audit.repair import Result
from gpu_capacity.upkeep.audit.run import LIMITING, audit_holders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.inventory.audit_runs import AuditRunStore, RepairOrder
    from gpu_capacity.ports import Clock, Ids
    from gpu_capacity.upkeep.audit.means import Audit


@dataclass(frozen=True, slots=True)
class Recorder:
    """What records runs."""

    runs: AuditRunStore
    clock: Clock
    ids: Ids


def run_recorded(recorder: Recorder, audit: Audit, run_id: str | None) -> dict[str, Any]:
    """Run the check and record its report. Returns it, as plain values; if nothing is to be run, why not.

    A run with an order reports and repairs those findings alone.

    Args:
        recorder: records the run.
        audit: collaborators of the check.
        run_id: of a run that an operator has asked for; None if the schedule asks.

    Raises:
        CapacityError: the check could not be made, and the run is recorded as failed; or it could not be
            recorded. A repetition of a run that was asked for does nothing; one of the schedule is a new run.
    """
    run = _scheduled(recorder, audit.actor) if run_id is None else _asked_for(recorder, run_id)
    if run is None:
        return {"skipped": run_id}
    try:
        if run.order is None:
            report = audit_holders(audit).as_json()
        else:
            report = _carried_out(recorder, replace(audit, actor=run.by), run.order)
    except CapacityError as error:
        failure = f"the audit could not be made: {error}"
        recorder.runs.end(replace(run, ended_at=recorder.clock.now(), failure=failure))
        raise
    recorder.runs.end(replace(run, ended_at=recorder.clock.now(), report=kept_report(report)))
    return {"auditId": run.id, **report}


def _scheduled(recorder: Recorder, actor: str) -> AuditRun:
    now, entropy = recorder.clock.now(), recorder.ids.random_bytes()
    run = AuditRun(new_id(recorder.clock.now_ms(), entropy), actor, now, entropy.hex(), now)
    recorder.runs.create(run)
    return run


def _asked_for(recorder: Recorder, run_id: str) -> AuditRun | None:
    """The run with its start recorded; None if it has begun already, is too late, or has expired."""
    run, now = recorder.runs.get(run_id), recorder.clock.now()
    if run is None or run.status_at(now) is not AuditStatus.REQUESTED:
        return None
    return recorder.runs.start(run, recorder.ids.random_bytes().hex(), now)


def _carried_out(recorder: Recorder, audit: Audit, order: RepairOrder) -> dict[str, Any]:
    """The report about the findings of an order, also about those that are not found any more."""
    working = replace(audit, taken_away=frozenset(order.take_away), reason=order.reason)
    report = audit_holders(working, fix=order.applied, chosen=frozenset(order.finding_ids)).as_json()
    found: list[Mapping[str, Any]] = list(report["findings"])
    limited = any(one["kind"] in LIMITING for one in found)
    seen = {one["id"] for name in ("findings", "unjudged", "notices") for one in report[name]}
    if limited:
        missing = {"result": Result.REFUSED.value, "why": "not found, while something could not be read"}
    else:
        missing = {"result": Result.VANISHED.value, "why": "not found any more"}
    before = recorder.runs.get(order.audit_id)
    known = {} if before is None or before.report is None else findings_of(before.report)
    lost = [one for one in order.finding_ids if one not in seen and one in known]
    findings = [*found, *(dict(known[one]) | missing for one in lost)]
    clean = report["clean"] and not report["unjudged"] and not (lost and limited)
    return report | {"clean": clean, "findings": findings}

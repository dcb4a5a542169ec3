"""Runs a consistency check without repairs, and records what it found, for operators to read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.audit_runs import AuditRun, AuditStatus, kept_report, new_id
from gpu_capacity.upkeep.audit.run import audit_holders

if TYPE_CHECKING:
    from gpu_capacity.inventory.audit_runs import AuditRunStore
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
        report = audit_holders(audit).as_json()
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

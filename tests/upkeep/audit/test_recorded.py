"""Runs of the audit that are recorded: late, repeated and lost requests are harmless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.errors import NotFound, StorageUnavailable
from gpu_capacity.inventory.audit_runs import (
    ENTRIES_BYTES_MAX,
    KEPT_SECONDS,
    RUN_SECONDS_MAX,
    START_SECONDS_MAX,
    AuditRun,
    AuditStatus,
    encode_audit_run,
    kept_report,
)
from gpu_capacity.operations.audits import get_audit, list_audits, start_audit
from gpu_capacity.upkeep.audit.recorded import Recorder, run_recorded
from testkit.dynamodb import throttled
from tests.upkeep.audit import planted
from tests.upkeep.audit.scene import Scene

OPERATOR = "operator@example.com"


@pytest.fixture
def scene() -> Scene:
    made = Scene.ready()
    planted.a_name_is_left_of_a_claim(made)
    return made


def _run(scene: Scene, run_id: str | None) -> Any:
    services = scene.world.services
    return run_recorded(Recorder(services.audit_runs, services.clock, services.ids), scene.auditor(), run_id)


def _status(scene: Scene, run_id: str) -> AuditStatus:
    return get_audit(scene.world.services, run_id).status_at(scene.world.clock.now())


def test_a_run_that_was_asked_for_is_recorded_with_who_asked_and_what_it_found(scene: Scene) -> None:
    asked = start_audit(scene.world.services, OPERATOR)
    assert scene.world.audits.started == [asked.id]
    assert _status(scene, asked.id) is AuditStatus.REQUESTED

    report = _run(scene, asked.id)

    kept = get_audit(scene.world.services, asked.id)
    assert (kept.by, _status(scene, asked.id), kept.failure) == (OPERATOR, AuditStatus.ENDED, None)
    assert kept.report is not None
    assert kept.report["findings"] == report["findings"]
    assert (kept.report["findingsCount"], kept.report["leftOut"]) == (1, 0)


def test_a_request_that_comes_twice_runs_once(scene: Scene) -> None:
    asked = start_audit(scene.world.services, OPERATOR)
    _run(scene, asked.id)
    before = scene.db.dump()

    assert _run(scene, asked.id) == {"skipped": asked.id}
    assert scene.db.dump() == before


def test_of_two_that_begin_at_once_one_runs(scene: Scene) -> None:
    asked = start_audit(scene.world.services, OPERATOR)
    ran: list[Any] = []
    scene.db.before("put_item", lambda *_: ran.append(_run(scene, asked.id)))

    assert _run(scene, asked.id) == {"skipped": asked.id}
    assert [one["auditId"] for one in ran] == [asked.id]
    assert _status(scene, asked.id) is AuditStatus.ENDED


def test_a_request_that_comes_too_late_or_for_nothing_runs_nothing(scene: Scene) -> None:
    asked = start_audit(scene.world.services, OPERATOR)
    scene.world.clock.advance(START_SECONDS_MAX + 1)

    assert _run(scene, asked.id) == {"skipped": asked.id}
    assert _run(scene, "0-0") == {"skipped": "0-0"}
    assert _status(scene, asked.id) is AuditStatus.FAILED
    assert get_audit(scene.world.services, asked.id).failure_at(scene.world.clock.now()) == "it never began"


def test_a_run_that_died_shows_as_failed_and_not_for_ever_as_running(scene: Scene) -> None:
    services = scene.world.services
    asked = start_audit(services, OPERATOR)
    services.audit_runs.start(asked, "one that dies", scene.world.clock.now())
    assert _status(scene, asked.id) is AuditStatus.RUNNING

    scene.world.clock.advance(RUN_SECONDS_MAX + 1)

    assert _status(scene, asked.id) is AuditStatus.FAILED


def test_a_database_that_does_not_answer_fails_the_run_and_its_repetition_does_nothing(scene: Scene) -> None:
    asked = start_audit(scene.world.services, OPERATOR)
    scene.db.before("scan", throttled(), times=None)

    with pytest.raises(StorageUnavailable):
        _run(scene, asked.id)
    scene.db.calm()

    assert _status(scene, asked.id) is AuditStatus.FAILED
    assert _run(scene, asked.id) == {"skipped": asked.id}


def test_only_who_runs_it_records_how_it_ended(scene: Scene) -> None:
    services, now = scene.world.services, scene.world.clock.now()
    asked = start_audit(services, OPERATOR)
    started = services.audit_runs.start(asked, "this one", now)
    assert started is not None
    services.audit_runs.end(replace(started, execution="another one", ended_at=now, failure="not mine"))
    assert _status(scene, asked.id) is AuditStatus.RUNNING

    services.audit_runs.end(replace(started, ended_at=now, report={"clean": True}))
    services.audit_runs.end(replace(started, ended_at=now + 5, failure="said again"))

    assert get_audit(services, asked.id).report == {"clean": True}


def test_runs_are_listed_latest_first_with_those_of_the_schedule_and_expire(scene: Scene) -> None:
    asked = start_audit(scene.world.services, OPERATOR)
    scene.world.clock.advance(60)
    scheduled = _run(scene, None)["auditId"]

    listed = list_audits(scene.world.services, None, None)
    assert [(run.id, run.by) for run in listed] == [(scheduled, "schedule:audit"), (asked.id, OPERATOR)]
    assert [run.id for run in list_audits(scene.world.services, scheduled, 5)] == [asked.id]

    scene.world.clock.advance(KEPT_SECONDS)
    assert list_audits(scene.world.services, None, None) == []
    with pytest.raises(NotFound):
        get_audit(scene.world.services, scheduled)


def test_the_audit_accepts_its_own_records(scene: Scene) -> None:
    _run(scene, None)
    assert [finding["kind"] for finding in _run(scene, None)["findings"]] == ["name_stale"]


def test_a_report_of_very_many_findings_fits_into_an_item_and_says_what_it_left_out() -> None:
    findings = [{"kind": "leaked", "subject": "ü" * 1000} for _ in range(1000)]
    report = {"clean": False, "read": {}, "findings": findings, "unjudged": [], "notices": findings[:1]}

    kept = kept_report(report)

    assert (kept["findingsCount"], kept["noticesCount"]) == (1000, 1)
    assert 0 < len(kept["findings"]) < 1000
    assert kept["leftOut"] == 1001 - len(kept["findings"]) - len(kept["notices"])
    item = encode_audit_run(AuditRun("0-0", OPERATOR, 0, report=kept))
    assert len(item["report"]["S"].encode()) < ENTRIES_BYTES_MAX * 6 < 400_000

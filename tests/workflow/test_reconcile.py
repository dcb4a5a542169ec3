"""Reconcile restarts what a crash left unsettled: with growing delays, and never a running execution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.reservations.record import Status
from gpu_capacity.upkeep.reconcile import ReconcileReport, reconcile
from testkit.state_machine import ExecutionStatus
from testkit.workflow.stage import Stage
from tests.workflow.scenarios import SCENARIOS

if TYPE_CHECKING:
    from testkit.workflow.faults import Run

GRACE = 60
NOTHING = ReconcileReport(unsettled=0, restarted=0, overdue=0)


def _names(stage: Stage) -> list[str]:
    return sorted(stage.workflows.executions)


def _ended(stage: Stage) -> str:
    """A reservation whose first execution is over and has not settled it."""
    reservation = stage.reserve()
    stage.execution("provision", reservation).stop()
    return reservation


def test_without_unsettled_records_reconcile_does_nothing() -> None:
    assert Stage().reconcile(after_seconds=GRACE) == NOTHING


@pytest.mark.parametrize("settled", [Status.PROVISIONED, Status.ERROR, None])
def test_a_settled_record_is_not_even_read(settled: Status | None) -> None:
    stage, reservation = SCENARIOS["undo" if settled is Status.ERROR else "provision"].prepare()
    stage.run_all()
    if settled is None:
        stage.delete(reservation)
        stage.run_all()
    assert stage.status(reservation) is settled
    reads = stage.world.db.requests["get_item"]
    assert stage.reconcile(after_seconds=86_400) == NOTHING
    assert stage.world.db.requests["get_item"] == reads


def test_reconcile_starts_the_workflow_of_a_create_that_died_after_its_commit() -> None:
    stage = Stage()
    stage.workflows.down = True
    reservation = stage.reserve()
    assert _names(stage) == []
    stage.workflows.down = False
    assert stage.reconcile(after_seconds=GRACE).restarted == 1
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED
    # Under the name that the handler would have used, so that a late handler starts nothing more.
    assert stage.execution("provision", reservation).status is ExecutionStatus.SUCCEEDED
    assert len(_names(stage)) == 1
    stage.check_settled()


def test_reconcile_starts_the_workflow_of_a_delete_that_died_after_its_commit() -> None:
    stage = Stage()
    reservation = stage.reserve()
    stage.run_all()
    stage.workflows.down = True
    stage.delete(reservation)
    stage.workflows.down = False
    assert stage.status(reservation) is Status.DEPROVISIONING
    assert stage.reconcile(after_seconds=GRACE).restarted == 1
    stage.run_all()
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_customer_does_not_notice_an_unavailable_workflow_service() -> None:
    stage = Stage()
    stage.workflows.down = True
    reservation = stage.reserve()
    assert stage.status(reservation) is Status.PENDING
    assert stage.world.telemetry.counts["WorkflowStartsFailed"] == 1
    stage.delete(reservation)
    assert stage.status(reservation) is Status.DEPROVISIONING
    assert stage.world.telemetry.counts["WorkflowStartsFailed"] == 2


def test_while_the_workflow_service_is_unavailable_reconcile_continues_and_warns() -> None:
    stage = Stage()
    stage.workflows.down = True
    first, second = stage.reserve(1), stage.reserve(1)
    assert stage.reconcile(after_seconds=GRACE) == ReconcileReport(unsettled=2, restarted=0, overdue=0)
    warned = {line[1].get("holder") for line in stage.world.telemetry.lines}
    assert {first, second} <= warned
    stage.workflows.down = False
    assert stage.reconcile(after_seconds=GRACE).restarted == 2
    stage.run_all()
    stage.check_settled()


def test_a_teardown_that_cannot_stop_the_provisioning_retries_until_it_can() -> None:
    stage = Stage()
    reservation = stage.reserve()
    stage.advance()
    stage.delete(reservation)

    def without_service(run: Run) -> Any:
        stage.workflows.down = True
        try:
            return run()
        finally:
            stage.workflows.down = False

    stage.disturb("release_reservation", without_service, times=3)
    stage.run_all(newest_first=True)
    assert [call.step for call in stage.calls].count("release_reservation") == 5
    assert stage.status(reservation) is None
    assert stage.execution("provision", reservation).status is ExecutionStatus.ABORTED
    stage.check_settled()


def test_a_fresh_record_is_left_to_its_handler() -> None:
    stage = Stage()
    stage.workflows.down = True
    stage.reserve()
    stage.workflows.down = False
    assert stage.reconcile(after_seconds=GRACE - 1) == NOTHING
    assert stage.reconcile(after_seconds=1).restarted == 1


def test_a_running_execution_is_left_alone_however_long_it_takes() -> None:
    stage = Stage()
    stage.reserve()
    for _ in range(5):
        report = stage.reconcile(after_seconds=GRACE)
        assert (report.unsettled, report.restarted) == (1, 0)
    assert len(_names(stage)) == 1


def test_an_execution_that_ended_unsettled_is_followed_by_one_with_the_next_attempt_number() -> None:
    stage = Stage()
    reservation = _ended(stage)
    assert stage.reconcile(after_seconds=GRACE).restarted == 1
    assert stage.execution("provision", reservation, attempt=1).runs
    found = stage.record(reservation)
    assert found is not None
    assert found.attempt == 1
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED
    stage.check_settled()


def test_each_further_attempt_waits_twice_as_long_up_to_half_an_hour() -> None:
    stage = Stage()
    reservation = stage.reserve()
    for attempt, seconds in enumerate((60, 120, 240, 480, 960, 1920, 1920)):
        stage.execution("provision", reservation, attempt).stop()
        assert stage.reconcile(after_seconds=seconds - 1).restarted == 0, attempt
        assert stage.reconcile(after_seconds=1).restarted == 1, attempt


def test_the_next_reconcile_starts_an_attempt_that_one_died_after_recording() -> None:
    stage = Stage()
    reservation = _ended(stage)
    found = stage.record(reservation)
    assert found is not None
    stage.clock.advance(GRACE)
    # It recorded attempt 1, and then died.
    numbered = replace(found, attempt=found.attempt + 1, unsettled_since=stage.clock.now())
    assert not isinstance(stage.services.reservations.change(found, numbered), Refused)
    assert stage.reconcile(after_seconds=2 * GRACE).restarted == 1
    assert stage.execution("provision", reservation, attempt=1).runs
    assert len(_names(stage)) == 2


@pytest.mark.parametrize("operation", ["query", "get_item", "put_item"])
def test_of_two_concurrent_reconciles_one_starts_the_next_execution(operation: str) -> None:
    stage = Stage()
    reservation = _ended(stage)
    stage.clock.advance(GRACE)
    rival: list[ReconcileReport] = []
    stage.world.db.before(operation, lambda _operation, _parameters: rival.append(stage.reconcile()))
    report = stage.reconcile()
    assert rival[0].restarted + report.restarted == 1
    assert len(_names(stage)) == 2
    assert len(stage.running()) == 1
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED
    stage.check_settled()


def test_a_reconcile_during_a_delete_does_not_start_provisioning_again() -> None:
    stage = Stage()
    reservation = _ended(stage)
    stage.clock.advance(GRACE)
    stage.world.db.before("put_item", lambda _operation, _parameters: stage.delete(reservation))
    assert stage.reconcile().restarted == 0
    stage.run_all()
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_delete_after_reconcile_recorded_an_attempt_stops_the_execution_started_late() -> None:
    stage = Stage()
    reservation = _ended(stage)
    stage.clock.advance(GRACE)

    def delete_and_tear_down(_operation: str, _parameters: dict[str, object]) -> None:
        stage.delete(reservation)
        stage.execution("deprovision", reservation).run()

    stage.world.db.after("put_item", delete_and_tear_down)
    assert stage.reconcile().restarted == 1
    stage.run_all()
    assert stage.execution("provision", reservation, attempt=1).visited[-1] == "Done"
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_workflow_that_takes_longer_than_allowed_is_counted_as_overdue() -> None:
    stage = Stage()
    reservation = stage.reserve()
    limits = stage.services.limits
    allowed = limits.provisioning_seconds_max + limits.teardown_seconds_max + limits.reconcile_grace_seconds
    assert stage.reconcile(after_seconds=allowed).overdue == 0
    assert stage.reconcile(after_seconds=1) == ReconcileReport(unsettled=1, restarted=0, overdue=1)
    assert stage.world.telemetry.counts["HoldersOverdue"] == 1
    stage.delete(reservation)
    stage.clock.advance(limits.teardown_seconds_max + limits.reconcile_grace_seconds)
    assert stage.reconcile().overdue == 0
    assert stage.reconcile(after_seconds=1).overdue == 1


def test_one_run_examines_a_bounded_number_and_the_next_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_capacity.upkeep.reconcile.HOLDERS_PER_RUN_MAX", 3)
    stage = Stage()
    stage.workflows.down = True
    reservations = [stage.reserve(1) for _ in range(4)]
    stage.workflows.down = False
    assert stage.reconcile(after_seconds=GRACE) == ReconcileReport(unsettled=3, restarted=3, overdue=0)
    stage.run_all()
    assert stage.reconcile() == ReconcileReport(unsettled=1, restarted=1, overdue=0)
    stage.run_all()
    assert {stage.status(reservation) for reservation in reservations} == {Status.PROVISIONED}
    stage.check_settled()


def test_one_restart_writes_one_audit_line() -> None:
    stage = Stage()
    reservation = _ended(stage)
    stage.world.telemetry.audits.clear()
    stage.reconcile(after_seconds=GRACE)
    [line] = stage.world.telemetry.audits
    assert (line.actor, line.action, line.target) == ("schedule:reconcile", "restart_provision", reservation)
    assert line.outcome == "started"
    assert reconcile(stage.services).restarted == 0
    assert len(stage.world.telemetry.audits) == 1

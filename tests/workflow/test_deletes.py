"""A delete overrides every workflow: no server and no ownership is left, and the record is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.reservations.record import Status
from testkit.state_machine import ExecutionStatus
from testkit.workflow.faults import dies_after
from testkit.world import ORGANIZATION
from tests.workflow.scenarios import BROKEN_HOST, SCENARIOS, STEPS_OF_PROVISIONING, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.workflow.stage import Stage
    from tests.workflow.scenarios import Step


def _provisioning_first(stage: Stage) -> None:
    stage.run_all()


def _teardown_first(stage: Stage) -> None:
    stage.run_all(newest_first=True)


def _in_turns(stage: Stage) -> None:
    stage.run_in_turns()


@pytest.mark.parametrize("run", [_provisioning_first, _teardown_first, _in_turns])
@pytest.mark.parametrize(("scenario", "step"), STEPS_OF_PROVISIONING)
def test_a_delete_before_any_step_overrides_it_in_any_order(
    scenario: Scenario, step: Step, run: Callable[[Stage], None]
) -> None:
    stage, reservation = scenario.prepare()
    for _ in range(scenario.steps.index(step)):
        stage.advance()
    assert stage.status(reservation) in (Status.PENDING, Status.PROVISIONING)
    stage.delete(reservation)
    assert stage.status(reservation) is Status.DEPROVISIONING
    run(stage)
    assert stage.status(reservation) is None
    assert not stage.execution("provision", reservation).runs
    assert stage.execution("deprovision", reservation).status is ExecutionStatus.SUCCEEDED
    assert stage.world.telemetry.counts["ReservationsProvisioned"] == 0
    assert stage.world.telemetry.counts["ReservationsFailed"] == 0
    stage.check_settled()


@pytest.mark.parametrize(("scenario", "step"), STEPS_OF_PROVISIONING)
def test_a_delete_after_a_step_that_died_before_its_result_overrides_it(
    scenario: Scenario, step: Step
) -> None:
    stage, reservation = scenario.prepare()

    def dies_and_is_deleted(run: Callable[[], object]) -> object:
        try:
            return dies_after(run)
        finally:
            if stage.record(reservation):
                stage.delete(reservation)

    stage.disturb(step[0], dies_and_is_deleted, first=step[1])
    stage.run_all(newest_first=True)
    assert stage.status(reservation) is None
    stage.check_settled()


def test_the_teardown_stops_the_provisioning_before_it_looks_for_servers() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    stage.advance()
    stage.delete(reservation)
    stage.execution("deprovision", reservation).advance()
    assert stage.execution("provision", reservation).status is ExecutionStatus.ABORTED


def test_the_teardown_stops_the_execution_that_reconcile_started_last() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    stage.execution("provision", reservation).stop()
    stage.reconcile(after_seconds=60)
    second = stage.execution("provision", reservation, attempt=1)
    second.advance()
    stage.delete(reservation)
    stage.execution("deprovision", reservation).run()
    assert second.status is ExecutionStatus.ABORTED
    assert stage.status(reservation) is None
    stage.check_settled()


@pytest.mark.parametrize("unit", range(2))
def test_a_hold_in_progress_during_the_whole_teardown_is_refused_by_the_fence(unit: int) -> None:
    stage, reservation = SCENARIOS["provision"].prepare()

    def delete_and_sweep(_operation: str, _parameters: dict[str, object]) -> None:
        stage.delete(reservation)
        stage.execution("deprovision", reservation).run()
        assert stage.status(reservation) is None

    hook = stage.world.db.before("transact_write_items", delete_and_sweep, skip=unit)
    stage.run_all()
    assert hook.fired == 1
    assert stage.live_servers() == set()
    assert stage.execution("provision", reservation).status is ExecutionStatus.ABORTED
    stage.check_settled()


@pytest.mark.parametrize("unit", range(2))
def test_a_hold_between_the_delete_and_the_fence_is_released(unit: int) -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    stage.world.db.before(
        "transact_write_items", lambda _operation, _parameters: stage.delete(reservation), skip=unit
    )
    while len(stage.live_servers()) <= 2 * unit:
        stage.advance()
    assert stage.status(reservation) is Status.DEPROVISIONING
    stage.run_all(newest_first=True)
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_second_delete_meanwhile_changes_and_starts_nothing() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    stage.advance()
    before, executions = stage.world.db.dump(), len(stage.workflows)
    stage.delete(reservation)
    assert stage.world.db.dump() == before
    assert len(stage.workflows) == executions


def test_deleting_a_failed_reservation_does_not_touch_racks_that_others_own_by_now() -> None:
    stage, failed = SCENARIOS["undo"].prepare()
    stage.run_all()
    assert stage.lift_quarantines() == [BROKEN_HOST]
    next_holder = stage.reserve()
    stage.advance()
    stage.delete(failed)
    stage.execution("deprovision", failed).run()
    assert stage.status(failed) is None
    assert stage.status(next_holder) is Status.PROVISIONING
    assert len(stage.owners("pod1")) == 2
    stage.run_all()
    stage.check_settled()


def test_during_the_teardown_a_reservation_keeps_its_racks_and_shows_when_it_was_deleted() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    deleted_at = stage.clock.now()
    while stage.advance():
        if stage.status(reservation) is not None:
            assert len(stage.owners("pod1")) == 2
            record = stage.services.reservations.get(ORGANIZATION, reservation)
            assert record is not None
            assert record.deleted_at == deleted_at
    assert stage.owners("pod1") == {}


def test_hardware_that_left_the_inventory_meanwhile_is_released_as_well() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    pod = stage.world.pods[0]
    record = stage.record(reservation)
    assert record is not None
    gone = set(record.positions)
    left = tuple(domain for domain in pod.domains if domain.position not in gone)
    stage.world.load((type(pod)(pod.region_id, pod.id, pod.flavor_id, pod.version + 1, left),))
    stage.run_all()
    assert stage.status(reservation) is None
    stage.check_settled()

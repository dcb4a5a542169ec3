"""Single steps at the worst moment: what each call guards against by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.providers.port import HoldOutcome, HoldState
from gpu_capacity.reservations.holds import UNIT_SECONDS
from gpu_capacity.reservations.provisioning import abandon_provisioning
from gpu_capacity.reservations.record import Status
from testkit.dynamodb import unreachable
from testkit.workflow.definitions import function_of
from testkit.workflow.stage import Stage
from testkit.world import HOLDERS, ORGANIZATION, REGION
from tests.workflow.scenarios import SCENARIOS

FREE_HOST = "pod1-rack03-tray01"


def _step(stage: Stage, step: str, reservation: str) -> Any:
    payload = {"step": step, "organization": ORGANIZATION, "reservation": reservation}
    return stage.invoke(function_of(step), payload)["outcome"]


def _run_until(stage: Stage, calls: int) -> None:
    while len(stage.calls) < calls:
        assert stage.advance()


def _without_quota() -> tuple[Stage, str]:
    stage = Stage(quota=False)
    return stage, stage.reserve()


def _hold(stage: Stage, reservation: str) -> HoldOutcome:
    """A request to hold that was sent long ago and arrives now."""
    return stage.provider.hold(stage.made[reservation].server_owner, REGION, [FREE_HOST])[FREE_HOST]


def test_a_provisioning_that_begins_after_the_delete_does_not_call_the_provider() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    stage.delete(reservation)
    transactions = stage.world.db.requests["transact_write_items"]
    assert _step(stage, "provision_reservation", reservation) == "superseded"
    assert stage.world.db.requests["transact_write_items"] == transactions


def test_a_delete_while_hosts_are_being_held_stops_that_and_leaves_nothing() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()

    def teardown_begins(_operation: str, _parameters: dict[str, object]) -> None:
        stage.delete(reservation)
        stage.provider.fence(stage.made[reservation].server_owner)

    hook = stage.world.db.before("transact_write_items", teardown_begins)
    assert _step(stage, "provision_reservation", reservation) == "superseded"
    assert hook.fired == 1
    assert stage.live_servers() == set()
    stage.settle(reservation)
    assert stage.status(reservation) is None
    stage.check_settled()


@pytest.mark.parametrize(
    ("scenario", "calls", "step"),
    [("undo", 2, "provision_reservation"), ("deprovision", 0, "release_reservation")],
)
def test_the_provider_is_fenced_before_the_first_host_is_released(
    scenario: str, calls: int, step: str
) -> None:
    stage, reservation = SCENARIOS[scenario].prepare()
    _run_until(stage, calls)
    assert _step(stage, step, reservation) == "waiting"
    assert {hold.state for hold in stage.provider.held(stage.made[reservation].server_owner)} == {
        HoldState.RELEASING
    }
    assert _hold(stage, reservation) is HoldOutcome.FENCED


def test_the_next_execution_sets_the_fence_of_an_undo_that_died_before_it() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    _run_until(stage, 1)
    abandon_provisioning(stage.services, (ORGANIZATION, reservation), "a host is unfit")
    lost = stage.world.db.before("put_item", unreachable(), times=None)
    stage.run_all()
    assert stage.execution("provision", reservation).visited[-1] == "Unfinished"
    assert lost.fired > 1
    lost.cancel()
    while not stage.running():
        stage.reconcile(after_seconds=60)
    stage.run_all()
    assert _hold(stage, reservation) is HoldOutcome.FENCED
    assert stage.status(reservation) is Status.ERROR
    stage.check_settled()


def test_a_resumed_undo_holds_no_more_hosts() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    _run_until(stage, 2)
    assert _step(stage, "provision_reservation", reservation) == "waiting"
    stage.execution("provision", reservation).stop()
    held = stage.world.db.requests["transact_write_items"]
    stage.settle(reservation)
    # One transaction is the failure with its quota.
    assert stage.world.db.requests["transact_write_items"] == held + 1
    assert stage.status(reservation) is Status.ERROR


def test_the_first_reason_for_a_failure_stays() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    _run_until(stage, 2)
    assert _step(stage, "provision_reservation", reservation) == "waiting"
    found = stage.record(reservation)
    assert found is not None
    again = abandon_provisioning(stage.services, (ORGANIZATION, reservation), "a later reason")
    assert again is not None
    assert again.failure == found.failure != "a later reason"


def test_a_late_completion_does_not_override_an_undo_that_has_begun() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()

    def abandon(_operation: str, _parameters: dict[str, object]) -> None:
        abandon_provisioning(stage.services, (ORGANIZATION, reservation), "a host failed after all")

    _run_until(stage, 1)
    hook = stage.world.db.before("put_item", abandon)
    assert _step(stage, "provision_reservation", reservation) == "superseded"
    assert hook.fired == 1
    assert stage.status(reservation) is Status.PROVISIONING
    stage.settle(reservation)
    assert stage.status(reservation) is Status.ERROR
    stage.check_settled()


class _Ticks:
    """A clock that goes on by some seconds whenever it is read."""

    def __init__(self, seconds: float) -> None:
        self._now = 0.0
        self._seconds = seconds

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


def test_a_call_holds_as_many_units_as_it_has_time_for_and_the_next_one_the_others() -> None:
    stage = Stage()
    reservation = stage.reserve(4)
    deadline = Deadline(_Ticks(1))
    # Read once to set it, and once before each unit: there is time for two.
    deadline.arm(UNIT_SECONDS + 2)
    stage.services = replace(stage.services, deadline=deadline)
    assert _step(stage, "provision_reservation", reservation) == "again"
    assert len(stage.live_servers()) == 2 * 2
    deadline.arm(60)
    assert _step(stage, "provision_reservation", reservation) == "waiting"
    assert len(stage.live_servers()) == 4 * 2
    stage.settle(reservation)
    assert stage.status(reservation) is Status.PROVISIONED


def test_units_that_are_held_are_not_asked_for_again() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    assert _step(stage, "provision_reservation", reservation) == "waiting"
    held, read = (stage.world.db.requests[name] for name in ("transact_write_items", "batch_get_item"))
    assert _step(stage, "provision_reservation", reservation) == "waiting"
    assert stage.world.db.requests["transact_write_items"] == held
    assert stage.world.db.requests["batch_get_item"] == read


def test_of_two_concurrent_completions_of_a_teardown_both_are_done() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    _run_until(stage, 1)
    answers: list[Any] = []

    def rival(_operation: str, _parameters: dict[str, object]) -> None:
        answers.append(_step(stage, "release_reservation", reservation))

    stage.world.db.before("transact_write_items", rival)
    answers.append(_step(stage, "release_reservation", reservation))
    assert answers == ["done", "done"]
    stage.run_all()
    stage.check_settled()


def test_units_that_are_counted_between_read_and_release_are_subtracted_again() -> None:
    # The organization got its limit later, and its existing holders are being counted now.
    stage, reservation = _without_quota()
    stage.run_all()
    stage.delete(reservation)
    stage.forget_calls()
    _run_until(stage, 1)
    stage.world.set_quota(8)

    def count_in(_operation: str, _parameters: dict[str, object]) -> None:
        record = stage.record(reservation)
        assert record is not None
        assert stage.services.reservations.count_in(record, ["GB300"])
        assert stage.world.quota_used() == 2

    hook = stage.world.db.before("put_item", count_in, only=lambda p: p["TableName"] == HOLDERS)
    stage.run_all()
    assert hook.fired == 1
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_step_without_its_reservation_changes_nothing() -> None:
    stage, _ = SCENARIOS["provision"].prepare()
    unknown = "f0000000-0000-4000-8000-000000000000"
    before = stage.world.db.dump()
    assert _step(stage, "provision_reservation", unknown) == "superseded"
    assert _step(stage, "release_reservation", unknown) == "done"
    assert stage.world.db.dump() == before


def test_a_reservation_that_is_not_deleted_is_not_released() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    stage.run_all()
    before = stage.world.db.dump()
    assert _step(stage, "release_reservation", reservation) == "superseded"
    assert stage.world.db.dump() == before


def test_a_release_frees_the_domains_of_its_own_booking_and_no_others() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    _run_until(stage, 1)
    placement = stage.made[reservation].runs[0].placement
    stage.take_over("pod1", placement.start, owner=b"somebody")
    assert _step(stage, "release_reservation", reservation) == "done"
    assert stage.owners("pod1") == {placement.start: b"somebody"}


def test_hosts_are_held_until_the_placements_of_the_reservation_are_gone() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    record = stage.record(reservation)
    assert record is not None
    first = record.runs[0].placement.start
    placement = "a61b9d5a-701d-4fea-848d-0e345edf16e9"
    stage.services.reservations.change(record, record.with_placement(placement, ((first, 0b01),)))
    assert _step(stage, "release_reservation", reservation) == "waiting"
    held = stage.provider.held(record.server_owner)
    assert {hold.state for hold in held} == {HoldState.HELD}
    record = stage.record(reservation)
    assert record is not None
    stage.services.reservations.change(record, record.without_placement(placement))
    stage.settle(reservation)
    assert stage.status(reservation) is None
    stage.check_settled()

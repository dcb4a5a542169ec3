"""Single steps at the worst moment: what each step guards against by itself."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.providers.port import HoldOutcome, HoldState
from gpu_capacity.reservations.record import Status
from testkit.dynamodb import unreachable
from testkit.workflow.definitions import function_of
from testkit.workflow.stage import Stage
from testkit.world import HOLDERS, ORGANIZATION, REGION
from tests.workflow.scenarios import SCENARIOS

FREE_HOST = "pod1-rack03-tray01"


def _step(stage: Stage, step: str, reservation: str, **more: Any) -> Any:
    payload = {"step": step, "organization": ORGANIZATION, "reservation": reservation, **more}
    return stage.invoke(function_of(step), payload)


def _run_until(stage: Stage, step: str) -> None:
    while step not in [call.step for call in stage.calls]:
        assert stage.advance()


def _without_quota() -> tuple[Stage, str]:
    stage = Stage(quota=False)
    return stage, stage.reserve()


def _hold(stage: Stage, reservation: str) -> HoldOutcome:
    """A request to hold that was sent long ago and arrives now."""
    return stage.provider.hold(stage.made[reservation].server_owner, REGION, [FREE_HOST])[FREE_HOST]


def test_a_pin_that_begins_after_the_delete_does_not_call_the_provider() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()
    _run_until(stage, "begin_provisioning")
    stage.delete(reservation)
    position = stage.made[reservation].runs[0].placement
    assert position is not None
    transactions = stage.world.db.requests["transact_write_items"]
    answer = _step(stage, "pin_unit_servers", reservation, position=position.start)
    assert answer["outcome"] == "fenced"
    assert stage.world.db.requests["transact_write_items"] == transactions


def test_the_provider_is_fenced_before_the_first_server_is_deleted() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    _run_until(stage, "begin_deprovisioning")
    assert _hold(stage, reservation) is HoldOutcome.FENCED


def test_the_provider_is_fenced_before_the_undo_deletes_the_first_server() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    _run_until(stage, "abandon_provisioning")
    assert _hold(stage, reservation) is HoldOutcome.FENCED


def test_the_sweep_sets_the_fence_of_an_undo_that_died_before_it() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    lost = stage.world.db.before("put_item", unreachable(), times=None)
    stage.run_all()
    assert stage.execution("provision", reservation).visited[-1] == "Unfinished"
    assert lost.fired > 1
    lost.cancel()
    while not stage.running():
        stage.reconcile(after_seconds=60)
    _run_until(stage, "sweep_servers")
    assert _hold(stage, reservation) is HoldOutcome.FENCED
    stage.run_all()
    assert stage.status(reservation) is Status.ERROR
    stage.check_settled()


def test_a_resumed_undo_pins_no_more_servers() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    _run_until(stage, "abandon_provisioning")
    stage.execution("provision", reservation).stop()
    stage.forget_calls()
    stage.settle(reservation)
    steps = {call.step for call in stage.calls}
    assert "pin_unit_servers" not in steps
    assert {"begin_provisioning", "delete_unit_servers", "fail_provisioning"} <= steps
    assert stage.status(reservation) is Status.ERROR


def test_the_first_reason_for_a_failure_stays() -> None:
    stage, reservation = SCENARIOS["undo"].prepare()
    _run_until(stage, "abandon_provisioning")
    found = stage.record(reservation)
    assert found is not None
    answer = _step(stage, "abandon_provisioning", reservation, message="a later reason")
    again = stage.record(reservation)
    assert answer["outcome"] == "undo"
    assert again is not None
    assert again.failure == found.failure != "a later reason"


def test_a_late_completion_does_not_override_an_undo_that_has_begun() -> None:
    stage, reservation = SCENARIOS["provision"].prepare()

    def abandon(_operation: str, _parameters: dict[str, object]) -> None:
        _step(stage, "abandon_provisioning", reservation, message="a host failed after all")

    while stage.execution("provision", reservation).visited[-1] != "CompleteProvisioning":
        stage.advance()
    hook = stage.world.db.before("put_item", abandon)
    stage.advance()
    assert hook.fired == 1
    assert stage.status(reservation) is Status.PROVISIONING
    stage.settle(reservation)
    assert stage.status(reservation) is Status.ERROR
    stage.check_settled()


@pytest.mark.parametrize(
    ("scenario", "step", "outcome"),
    [
        ("provision", "begin_provisioning", "proceed"),
        ("provision", "complete_provisioning", "provisioned"),
        ("undo", "abandon_provisioning", "undo"),
        ("deprovision", "begin_deprovisioning", "proceed"),
        ("deprovision", "complete_deprovisioning", "gone"),
    ],
)
def test_a_step_delivered_twice_returns_the_same_twice(scenario: str, step: str, outcome: str) -> None:
    stage, reservation = SCENARIOS[scenario].prepare()
    _run_until(stage, step)
    more = {"message": "again"} if step == "abandon_provisioning" else {}
    assert _step(stage, step, reservation, **more)["outcome"] == outcome


def test_of_two_concurrent_completions_of_a_teardown_both_return_gone() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    while stage.execution("deprovision", reservation).visited[-1] != "CompleteDeprovisioning":
        stage.advance()
    answers: list[Any] = []

    def rival(_operation: str, _parameters: dict[str, object]) -> None:
        answers.append(_step(stage, "complete_deprovisioning", reservation))

    stage.world.db.before("transact_write_items", rival)
    answers.append(_step(stage, "complete_deprovisioning", reservation))
    assert [answer["outcome"] for answer in answers] == ["gone", "gone"]
    stage.run_all()
    stage.check_settled()


def test_units_that_are_counted_between_read_and_release_are_subtracted_again() -> None:
    # The organization got its limit later, and its existing holders are being counted now.
    stage, reservation = _without_quota()
    stage.run_all()
    stage.delete(reservation)
    while stage.execution("deprovision", reservation).visited[-1] != "CompleteDeprovisioning":
        stage.advance()
    stage.world.set_quota(8)

    def count_in(_operation: str, _parameters: dict[str, object]) -> None:
        record = stage.record(reservation)
        assert record is not None
        assert stage.services.reservations.count_in(record)
        assert stage.world.quota_used() == 2

    hook = stage.world.db.before("put_item", count_in, only=lambda p: p["TableName"] == HOLDERS)
    stage.run_all()
    assert hook.fired == 1
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_step_without_its_reservation_is_superseded() -> None:
    stage, _ = SCENARIOS["provision"].prepare()
    unknown = "f0000000-0000-4000-8000-000000000000"
    more = {"position": 0, "message": "none"}
    answers = {
        step: _step(stage, step, unknown, **more)["outcome"]
        for scenario in SCENARIOS.values()
        for step, _ in scenario.steps
    }
    assert answers.pop("pin_unit_servers") == "fenced"
    assert answers.pop("complete_deprovisioning") == "gone"
    assert set(answers.values()) == {"superseded"}


def test_a_release_frees_the_domains_of_its_own_booking_and_no_others() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    while stage.execution("deprovision", reservation).visited[-1] != "CompleteDeprovisioning":
        stage.advance()
    placement = stage.made[reservation].runs[0].placement
    stage.take_over("pod1", placement.start, owner=b"somebody")
    assert _step(stage, "complete_deprovisioning", reservation)["outcome"] == "gone"
    assert stage.owners("pod1") == {placement.start: b"somebody"}


def test_each_unit_begins_to_delete_its_own_servers_before_the_sweep() -> None:
    stage, reservation = SCENARIOS["deprovision"].prepare()
    while stage.execution("deprovision", reservation).visited[-1] != "SweepServers":
        stage.advance()
    servers = stage.provider.held(stage.made[reservation].server_owner)
    assert [server.state for server in servers] == [HoldState.RELEASING] * 4

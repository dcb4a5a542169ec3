"""Failures of hosts and of their provider, and what the customer sees of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.holders.limits import Limits
from gpu_capacity.inventory.model import HostState
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
from gpu_capacity.reservations.record import Status
from testkit.provider import StubbornRegion
from testkit.state_machine import ExecutionStatus, TaskError
from testkit.workflow.stage import Stage
from testkit.world import REGION, World, pod, rack

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import Pod
    from gpu_capacity.reservations.record import Reservation
    from testkit.workflow.faults import Run

HOST = "pod1-rack01-tray01"
EVERY_HOST = [f"pod1-rack{position:02}-tray{slot:02}" for position in (0, 1) for slot in (0, 1)]


def _stage(behaviour: SimulatedBehaviour | None = None, **limits: int) -> Stage:
    """A pod of two racks in a region of its own; a reservation of two racks fills it."""
    behaviour = behaviour or SimulatedBehaviour(ready_seconds=20, delete_seconds=3)
    world = World(pods=(pod("pod1", 2),), behaviour=behaviour, limits=Limits(**limits))
    return Stage(world, provider=lambda world: StubbornRegion(world.clock, behaviour))


def _provider(stage: Stage) -> StubbornRegion:
    assert stage.stubborn is not None
    return stage.stubborn


def _failed(stage: Stage, reservation: str) -> Reservation:
    found = stage.record(reservation)
    assert found is not None
    assert found.status is Status.ERROR
    stage.check_settled()
    return found


@pytest.mark.parametrize("host", EVERY_HOST)
def test_one_failing_host_fails_the_reservation_and_is_named(host: str) -> None:
    stage = _stage(SimulatedBehaviour(ready_seconds=20, failing_hosts=frozenset({host})))
    reservation = stage.reserve()
    stage.run_all()
    assert (
        _failed(stage, reservation).failure == f"the server on host {host} failed: simulated hardware fault"
    )


def test_a_stuck_host_is_waited_for_until_the_deadline() -> None:
    stage = _stage(
        SimulatedBehaviour(ready_seconds=20, stuck_hosts=frozenset({HOST})), provisioning_seconds_max=300
    )
    begun = stage.clock.now()
    reservation = stage.reserve()
    while (found := stage.record(reservation)) and found.failure is None:
        assert stage.clock.now() < begun + 300 + 5
        stage.advance()
    assert stage.clock.now() >= begun + 300
    stage.run_all()
    assert _failed(stage, reservation).failure == "3 of 4 servers were ready when the time was up"


def test_a_host_that_is_slow_but_in_time_is_no_failure() -> None:
    stage = _stage(SimulatedBehaviour(ready_seconds=290), provisioning_seconds_max=300)
    reservation = stage.reserve()
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED
    stage.check_settled()


def test_a_host_with_a_server_of_another_owner_is_named_and_that_server_is_left_alone() -> None:
    stage = _stage()
    stage.provider.hold("somebody-else", REGION, [HOST])
    reservation = stage.reserve()
    stage.run_all()
    assert _failed(stage, reservation).failure == f"host {HOST} is occupied by a server of somebody else"
    assert stage.live_servers() == {("somebody-else", HOST)}


def _without(stage: Stage, change: Any) -> Pod:
    [whole] = stage.world.pods
    return replace(whole, version=whole.version + 1, domains=change(whole))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda whole: (whole.domains[0], rack("pod1", 1, states={1: HostState.MISSING})),
            f"host {HOST} of a claimed unit is missing from the inventory",
        ),
        (
            lambda whole: (whole.domains[0], rack("pod1", 1, hosts=1)),
            "hardware of a claimed unit is missing from the inventory",
        ),
        (lambda whole: whole.domains[:1], "hardware of a claimed unit is missing from the inventory"),
    ],
    ids=["host missing", "host gone", "rack gone"],
)
def test_hardware_that_went_missing_after_the_reservation_is_reported(change: Any, message: str) -> None:
    stage = _stage()
    reservation = stage.reserve()
    stage.world.load((_without(stage, change),))
    stage.run_all()
    assert _failed(stage, reservation).failure == message


def test_an_unhealthy_host_still_gets_its_server() -> None:
    # The owned hosts are the customer's; health is shown, and does not decide about provisioning.
    stage = _stage()
    reservation = stage.reserve()
    broken = rack("pod1", 1, states={1: HostState.UNHEALTHY})
    stage.world.load((_without(stage, lambda whole: (whole.domains[0], broken)),))
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED


# The provider itself is unavailable.


@pytest.mark.parametrize("step", ["pin_unit_servers", "check_servers"])
def test_a_provider_unavailable_for_a_while_never_causes_an_error_status(step: str) -> None:
    stage = _stage()
    reservation = stage.reserve()
    away_until = 0

    def away(run: Run) -> Any:
        nonlocal away_until
        away_until = away_until or stage.clock.now() + 120
        _provider(stage).down = stage.clock.now() < away_until
        try:
            return run()
        finally:
            _provider(stage).down = False

    stage.disturb(step, away, times=None)
    while stage.advance():
        record = stage.record(reservation)
        assert record is not None
        assert record.status is not Status.ERROR
        assert record.failure is None
    assert stage.clock.now() >= away_until > 0
    assert stage.status(reservation) is Status.PROVISIONED
    stage.check_settled()


def test_while_its_provider_is_unavailable_a_reservation_stays_provisioning() -> None:
    stage = _stage()
    reservation = stage.reserve()
    while not _provider(stage).live():
        stage.advance()
    _provider(stage).down = True
    for _ in range(90):
        stage.run_all()
        report = stage.reconcile(after_seconds=60)
        # Its servers may still exist: it must neither show an error nor give the racks back.
        assert stage.status(reservation) is Status.PROVISIONING
        assert len(stage.owners("pod1")) == 2
    assert report.overdue == 1
    assert stage.world.telemetry.counts["HoldersOverdue"] > 0
    _provider(stage).down = False
    stage.settle(reservation)
    assert _failed(stage, reservation).failure == "the host provider did not answer"


def test_a_delete_while_the_provider_is_unavailable_is_finished_when_it_is_back() -> None:
    stage = _stage()
    reservation = stage.reserve()
    stage.run_all()
    _provider(stage).down = True
    stage.delete(reservation)
    stage.run_all()
    stage.reconcile(after_seconds=60)
    stage.run_all()
    assert stage.status(reservation) is Status.DEPROVISIONING
    assert len(stage.owners("pod1")) == 2
    _provider(stage).down = False
    stage.settle(reservation)
    assert stage.status(reservation) is None
    stage.check_settled()


# Servers that are not deleted.


def test_a_server_that_is_not_deleted_fails_the_teardown_in_time_and_again_until_it_is_gone() -> None:
    stage = _stage(teardown_seconds_max=600)
    reservation = stage.reserve()
    stage.run_all()
    _provider(stage).unreleasable.add(HOST)
    begun = stage.clock.now()
    stage.delete(reservation)
    stage.run_all()
    first = stage.execution("deprovision", reservation)
    assert first.status is ExecutionStatus.FAILED
    assert first.error == "Unfinished"
    assert begun + 600 <= stage.clock.now() <= begun + 605
    assert stage.status(reservation) is Status.DEPROVISIONING
    assert len(stage.owners("pod1")) == 2

    stage.reconcile(after_seconds=60)
    stage.run_all()
    assert stage.execution("deprovision", reservation, attempt=1).error == "Unfinished"
    assert len(stage.owners("pod1")) == 2

    _provider(stage).unreleasable.clear()
    # The time is long up: one execution begins to delete the server and ends, the next finds it gone.
    assert stage.settle(reservation) == 2
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_server_that_is_not_deleted_prevents_a_failed_provisioning_from_showing_error() -> None:
    stage = _stage(
        SimulatedBehaviour(ready_seconds=20, failing_hosts=frozenset({HOST})),
        provisioning_seconds_max=300,
        teardown_seconds_max=100,
    )
    _provider(stage).unreleasable.add(EVERY_HOST[0])
    reservation = stage.reserve()
    stage.run_all()
    assert stage.execution("provision", reservation).visited[-1] == "Unfinished"
    assert stage.status(reservation) is Status.PROVISIONING
    assert len(stage.owners("pod1")) == 2
    _provider(stage).unreleasable.clear()
    stage.settle(reservation)
    assert (
        _failed(stage, reservation).failure == f"the server on host {HOST} failed: simulated hardware fault"
    )


def test_a_server_that_is_listed_again_before_the_release_is_swept_again() -> None:
    stage = _stage()
    reservation = stage.reserve()
    stage.run_all()
    _provider(stage).unreleasable.add(HOST)
    stage.delete(reservation)
    while stage.calls[-1].step != "sweep_servers":
        stage.advance()

    def goes_away_at_last(run: Run) -> Any:
        _provider(stage).unreleasable.clear()
        return run()

    stage.disturb("sweep_servers", lambda _run: {"outcome": "clear"}, first=2)
    stage.disturb("sweep_servers", goes_away_at_last, first=4)
    stage.run_all()
    steps = [call.step for call in stage.calls]
    assert steps.count("complete_deprovisioning") == 2
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_failure_does_not_contain_the_text_of_an_exception() -> None:
    stage = _stage()
    reservation = stage.reserve()

    def breaks(_run: Run) -> Any:
        raise TaskError("KeyError", "'secret-detail'")

    stage.disturb("check_servers", breaks, times=None)
    stage.run_all()
    assert _failed(stage, reservation).failure == "the state of the servers could not be read"

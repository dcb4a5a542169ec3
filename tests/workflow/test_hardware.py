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


def _says(failure: str | None, why: str) -> bool:
    """Whether this is why a reservation has failed, and its message says that nothing else was free."""
    return failure is not None and failure.startswith(
        f"{why}, and there is no other place: insufficient capacity"
    )


@pytest.mark.parametrize("host", EVERY_HOST)
def test_one_failing_host_fails_the_reservation_and_is_named(host: str) -> None:
    stage = _stage(SimulatedBehaviour(ready_seconds=20, failing_hosts=frozenset({host})))
    reservation = stage.reserve()
    stage.run_all()
    assert _says(_failed(stage, reservation).failure, f"host {host} is unfit: simulated hardware fault")
    assert stage.lift_quarantines() == [host]


def test_a_stuck_host_has_its_time_and_is_then_set_aside() -> None:
    stage = _stage(
        SimulatedBehaviour(ready_seconds=20, stuck_hosts=frozenset({HOST})), provisioning_seconds_max=300
    )
    begun = stage.clock.now()
    reservation = stage.reserve()
    while (found := stage.record(reservation)) and found.failure is None:
        assert stage.clock.now() < begun + 60 + 60
        stage.advance()
    assert stage.clock.now() >= begun + 60
    stage.run_all()
    assert _says(_failed(stage, reservation).failure, f"host {HOST} was not held within 60 s")
    assert stage.lift_quarantines() == [HOST]


def test_where_several_hosts_are_late_the_provider_is_slow() -> None:
    stage = _stage(
        SimulatedBehaviour(ready_seconds=20, stuck_hosts=frozenset(EVERY_HOST[:2])),
        provisioning_seconds_max=300,
    )
    reservation = stage.reserve()
    stage.run_all()
    assert _failed(stage, reservation).failure == "2 of 4 hosts were held when the time was up"
    assert stage.lift_quarantines() == []


def test_hosts_that_are_slow_but_in_time_are_no_failure() -> None:
    stage = _stage(SimulatedBehaviour(ready_seconds=290), provisioning_seconds_max=300)
    reservation = stage.reserve()
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED
    stage.check_settled()


def test_a_host_that_is_held_for_another_owner_is_named_and_left_to_it() -> None:
    stage = _stage()
    stage.provider.hold("somebody-else", REGION, [HOST])
    reservation = stage.reserve()
    stage.run_all()
    assert _says(_failed(stage, reservation).failure, f"host {HOST} is held for another holder")
    assert stage.lift_quarantines() == [HOST]
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
    assert _says(_failed(stage, reservation).failure, message)
    assert stage.lift_quarantines() == []


def test_an_unhealthy_host_is_held_as_well() -> None:
    # The owned hosts are the customer's; health is shown, and does not decide about provisioning.
    stage = _stage()
    reservation = stage.reserve()
    broken = rack("pod1", 1, states={1: HostState.UNHEALTHY})
    stage.world.load((_without(stage, lambda whole: (whole.domains[0], broken)),))
    stage.run_all()
    assert stage.status(reservation) is Status.PROVISIONED


# The provider itself is unavailable.


@pytest.mark.parametrize("first", [1, 2])
def test_a_provider_unavailable_for_a_while_never_causes_an_error_status(first: int) -> None:
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

    stage.disturb("provision_reservation", away, first=first, times=None)
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
        # Its hosts may still be held: it must neither show an error nor give the racks back.
        assert stage.status(reservation) is Status.PROVISIONING
        assert len(stage.owners("pod1")) == 2
    assert report.overdue == 1
    assert stage.world.telemetry.counts["HoldersOverdue"] > 0
    _provider(stage).down = False
    stage.settle(reservation)
    # Everything was held before the provider went away, and nothing has come between.
    assert stage.status(reservation) is Status.PROVISIONED
    stage.check_settled()


def test_a_provider_that_comes_back_after_the_deadline_holds_nothing_more() -> None:
    stage = _stage(provisioning_seconds_max=300)
    reservation = stage.reserve()
    _provider(stage).down = True
    stage.run_all()
    stage.clock.advance(300)
    _provider(stage).down = False
    stage.settle(reservation)
    assert _failed(stage, reservation).failure == "0 of 4 hosts were held when the time was up"


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


# Hosts that are not released.


def test_a_host_that_is_not_released_fails_the_teardown_in_time_and_again_until_it_is() -> None:
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
    assert begun + 600 <= stage.clock.now() <= begun + 660
    assert stage.status(reservation) is Status.DEPROVISIONING
    assert len(stage.owners("pod1")) == 2

    stage.reconcile(after_seconds=60)
    stage.run_all()
    assert stage.execution("deprovision", reservation, attempt=1).error == "Unfinished"
    assert len(stage.owners("pod1")) == 2

    _provider(stage).unreleasable.clear()
    # The time is long up: one execution begins to release the host and ends, the next finds it released.
    assert stage.settle(reservation) == 2
    assert stage.status(reservation) is None
    stage.check_settled()


def test_a_host_that_is_not_released_prevents_a_failed_provisioning_from_showing_error() -> None:
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
    assert _says(_failed(stage, reservation).failure, f"host {HOST} is unfit: simulated hardware fault")


def test_an_exception_does_not_become_a_failure_and_its_text_is_nowhere() -> None:
    stage = _stage()
    reservation = stage.reserve()

    def breaks(_run: Run) -> Any:
        raise TaskError("KeyError", "'secret-detail'")

    stage.disturb("provision_reservation", breaks, first=2, times=None)
    stage.run_all()
    found = stage.record(reservation)
    assert found is not None
    assert (found.status, found.failure) == (Status.PROVISIONING, None)
    assert "secret-detail" not in str(stage.world.db.dump())

"""The workflow of a placement: the deployed definition, run over real rounds, faults and long updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import CapacityError
from gpu_capacity.placements.record import PlacementStatus, StrategyType, UpdateStrategy
from gpu_capacity.ports import WorkflowState
from gpu_capacity.providers.port import ServerState
from gpu_capacity.upkeep.reconcile import ReconcileReport, reconcile
from testkit.state_machine import Execution, ExecutionStatus, TaskError
from testkit.workflow.definitions import definition, run_step
from testkit.workflow.faults import Disturbed, answers_first_of_two, dies_after, fails, runs_twice
from testkit.world import ORGANIZATION
from tests.placements.bench import NEW_IMAGE, Bench

if TYPE_CHECKING:
    from testkit.workflow.faults import Disturbance

POLL_SECONDS = 5
ROLLING = UpdateStrategy(StrategyType.ROLLING_UPDATE)


class Platform(Disturbed):
    """Executions of a placement, whose servers come up ``boot_seconds`` after they were asked for."""

    def __init__(self, boot_seconds: int = 20, **changes: Any) -> None:
        super().__init__()
        self.bench = Bench(**changes)
        self.boot_seconds = boot_seconds
        self.waits: list[int] = []

    def begin(self) -> Execution:
        """The execution of the record's present attempt, before its first round."""
        self.waits.clear()
        placement = self.bench.placement
        payload: dict[str, object] = {"organization": ORGANIZATION, "placement": placement.id}
        machine, clock = definition("settle_placement"), self.bench.clock
        execution = Execution(machine, payload, self._invoke, clock, self._wait, name=placement.execution)
        execution.advance()
        return execution

    def execute(self) -> Execution:
        """Run an execution to its end."""
        execution = self.begin()
        execution.run()
        return execution

    def _invoke(self, function: str, payload: dict[str, Any]) -> Any:
        try:
            return self.call(payload, lambda: run_step(function, self.bench.services, payload))
        except CapacityError as error:
            raise TaskError(type(error).__name__, str(error)) from error

    def _wait(self, seconds: int) -> None:
        self.waits.append(seconds)
        self.bench.clock.advance(seconds)
        self.bench.provider.drop()
        if self.bench.is_gone or self.bench.provider.down:
            return
        now = self.bench.clock.now()
        up = [s.ordinal for s in self.bench.servers if now >= (s.since or 0) + self.boot_seconds]
        if up:
            self.bench.provider.boot(*up)


def test_a_placement_is_provisioned_in_few_transitions_with_longer_and_longer_waits() -> None:
    platform = Platform(boot_seconds=100)
    execution = platform.execute()
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert platform.bench.placement.status is PlacementStatus.PROVISIONED
    assert platform.waits == [5, 10, 15, 20, 25, 30]
    assert len(execution.visited) == 3 * len(platform.waits) + 3


def test_no_wait_is_longer_than_a_minute() -> None:
    platform = Platform(boot_seconds=1200)
    assert platform.execute().status is ExecutionStatus.SUCCEEDED
    assert platform.bench.placement.status is PlacementStatus.PROVISIONED
    assert max(platform.waits) == 60


def test_an_update_takes_transitions_by_batch() -> None:
    """Two servers at a time take half of the transitions of one at a time."""
    taken = []
    for max_unavailable in ("1", "2", "4"):
        strategy = UpdateStrategy(StrategyType.ROLLING_UPDATE, max_unavailable=max_unavailable)
        platform = Platform(strategy=strategy)
        platform.execute()
        platform.bench.want()
        execution = platform.execute()
        assert {server.image_id for server in platform.bench.servers} == {NEW_IMAGE}
        taken.append(len(execution.visited))
    assert taken[0] - taken[1] == taken[1] - taken[2] + (taken[1] - taken[2])
    assert taken[0] > taken[1] > taken[2]


@pytest.mark.parametrize("how", [fails, dies_after, runs_twice, answers_first_of_two])
@pytest.mark.parametrize("call", range(1, 6))
def test_each_round_may_fail_die_and_run_twice(how: Disturbance, call: int) -> None:
    platform = Platform(strategy=ROLLING)
    platform.disturb("settle_placement", how, first=call)
    assert platform.execute().status is ExecutionStatus.SUCCEEDED
    assert platform.bench.placement.status is PlacementStatus.PROVISIONED
    platform.forget_calls()
    platform.bench.want()
    assert platform.execute().status is ExecutionStatus.SUCCEEDED
    assert platform.bench.provider.rebuilt == [0, 1, 2, 3]
    platform.forget_calls()
    platform.bench.delete()
    assert platform.execute().status is ExecutionStatus.SUCCEEDED
    assert platform.bench.is_gone


def test_a_round_that_keeps_failing_leaves_the_record_to_reconcile() -> None:
    platform = Platform()
    platform.bench.provider.down = True
    assert platform.execute().status is ExecutionStatus.FAILED
    assert platform.bench.placement.is_unsettled
    platform.bench.provider.down = False
    assert platform.execute().status is ExecutionStatus.SUCCEEDED
    assert platform.bench.placement.status is PlacementStatus.PROVISIONED


def test_servers_that_cannot_be_removed_fail_the_execution_so_that_somebody_looks() -> None:
    platform = Platform()
    platform.execute()
    platform.bench.provider.stubborn = True
    platform.bench.delete()
    platform.bench.clock.advance(platform.bench.services.limits.teardown_seconds_max)
    assert platform.execute().status is ExecutionStatus.FAILED
    assert platform.bench.placement.status is PlacementStatus.DEPROVISIONING


def test_an_execution_ends_at_its_next_round_once_another_one_has_its_work() -> None:
    platform = Platform(boot_seconds=1200)
    older = platform.begin()
    older.advance()
    platform.bench.delete()
    assert older.run() is ExecutionStatus.SUCCEEDED
    assert older.visited == ["Settle", "Settled", "WaitForServers", "Settle", "Settled", "Done"]
    assert platform.bench.placement.status is PlacementStatus.DEPROVISIONING
    assert platform.execute().status is ExecutionStatus.SUCCEEDED
    assert platform.bench.is_gone


def test_an_execution_ends_before_its_history_is_full_and_the_next_one_goes_on() -> None:
    platform = Platform(boot_seconds=2000, strategy=ROLLING)
    limits = platform.bench.services.limits
    assert limits.provisioning_seconds_max < 2000
    platform.disturb("settle_placement", lambda _run: {"outcome": "waiting"}, times=None)
    execution = platform.execute()
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.visited.count("Settle") == 200
    assert platform.bench.placement.is_unsettled
    assert sum(platform.waits) < 14_400, "it ends before it times out"


def test_reconcile_starts_what_a_crash_left_and_counts_teardowns_that_are_late() -> None:
    bench = Bench()
    bench.clock.advance(61)
    assert reconcile(bench.services) == ReconcileReport(unsettled=1, restarted=1, overdue=0)
    (name,) = bench.world.workflows.executions
    assert name == bench.placement.execution
    assert reconcile(bench.services) == ReconcileReport(unsettled=1, restarted=0, overdue=0)
    bench.world.workflows.states[name] = WorkflowState.ENDED
    assert reconcile(bench.services).restarted == 1
    assert bench.placement.attempt == 1
    bench.clock.advance(7 * 86_400)
    assert reconcile(bench.services).overdue == 0
    bench.delete()
    bench.clock.advance(961)
    assert reconcile(bench.services).overdue == 1


def test_reconcile_leaves_a_settled_placement_alone() -> None:
    bench = Bench()
    bench.settle()
    bench.provider.move(ServerState.FAILED)
    bench.clock.advance(61)
    assert reconcile(bench.services) == ReconcileReport(unsettled=0, restarted=0, overdue=0)

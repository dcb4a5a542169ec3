"""Lives of VMs that need every permission of their functions. ``tests.vms`` checks the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.holders.quota import VM_GPUS, VMS
from gpu_capacity.runtime import composition
from gpu_capacity.vms.record import RentalType
from testkit.handlers import arrangements
from testkit.handlers.vm_stage import SAMPLE_VM, Stage
from testkit.world import HOLDERS, ORGANIZATION
from tests.template import exercise_operators
from tests.vms import given
from tests.vms.test_tasks import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.handlers.aws import Access


def record() -> Iterator[dict[str, set[Access]]]:
    """The permissions that each function used in these lives, by function."""
    for life in (*(_task(case) for case in CASES), *LIVES):
        with pytest.MonkeyPatch.context() as monkeypatch:
            stage = Stage(monkeypatch)
            limited(stage)
            life(stage)
            yield stage.recorder.used
            stage.restart()


def limited(stage: Stage) -> None:
    """The organization has quotas, which every create and every end changes."""
    for subject in (VMS, VM_GPUS):
        item = keys.quota(ORGANIZATION, subject) | encode({"limit": 100, "used": 0})
        stage.db.put_item(TableName=HOLDERS, Item=item)


def _task(case: tuple[str, str, Callable[[Stage], None], str | int]) -> Callable[[Stage], None]:
    function, event, before, _ = case

    def life(stage: Stage) -> None:
        before(stage)
        stage.run_event(function, event)

    return life


def _rented(stage: Stage) -> None:
    stage.with_ssh_key().ids.chosen = [SAMPLE_VM]
    assert stage.send("create_vm", "on_demand").status == 201
    given.start(stage, SAMPLE_VM)


def _stopped_and_started(stage: Stage) -> None:
    _stopped(stage)
    assert stage.send("start_vm", "found").status == 200
    given.start(stage, SAMPLE_VM)


def _stopped(stage: Stage) -> None:
    _rented(stage)
    assert stage.send("stop_vm", "found").status == 200
    given.stop(stage, SAMPLE_VM)


def _destroyed_while_it_holds_nothing(stage: Stage) -> None:
    _stopped(stage)
    assert stage.send("destroy_vm", "found").status == 200


def _preempted_by_a_request(stage: Stage) -> None:
    given.rent(given.GUEST, 8, RentalType.INTERRUPTIBLE)
    given.start(stage, given.GUEST)
    stage.with_ssh_key().ids.chosen = [SAMPLE_VM]
    assert stage.send("create_vm", "on_demand").status == 201
    assert stage.send("destroy_vm", "found").status == 200


def _preempted_by_a_start(stage: Stage) -> None:
    _stopped(stage)
    given.rent(given.GUEST, 8, RentalType.INTERRUPTIBLE)
    given.start(stage, given.GUEST)
    assert stage.send("start_vm", "found").status == 200


def _restarted_by_reconcile(stage: Stage) -> None:
    stage.with_ssh_key().ids.chosen = [SAMPLE_VM]
    assert stage.send("create_vm", "on_demand").status == 201
    stage.step_functions.end_all()
    stage.clock.advance(61)
    assert stage.run_event("reconcile_holders", "scheduled")["restarted"] == 1
    assert stage.send("destroy_vm", "found").status == 200
    stage.step_functions.end_all()
    stage.clock.advance(61)
    assert stage.run_event("reconcile_holders", "scheduled")["restarted"] == 1


def _failed_with_its_node(stage: Stage) -> None:
    given.up(stage)
    vm = composition.services().vms.get(ORGANIZATION, SAMPLE_VM)
    assert vm is not None
    stage.settings["SIMULATED_FAILING_HOSTS"] = vm.host_id
    stage.restart()
    assert stage.run_event("vm_steps", "complete_vm_start")["outcome"] == "failed"
    assert vm.host_id in composition.services().fleet.cordons(vm.region_id).quarantines


def _reserved_whole(stage: Stage) -> None:
    """Every node of the VM's kind was reserved a moment ago."""
    event = arrangements.wish(regionId=given.NODES_REGION, accelerator="5090", unit="NODE", count=4)
    assert stage.request("create_reservation", event).status == 202


def _not_created_on_a_reserved_node(stage: Stage) -> None:
    _reserved_whole(stage)
    stage.with_ssh_key()
    assert stage.send("create_vm", "on_demand").status == 400


def _not_started_on_a_reserved_node(stage: Stage) -> None:
    _stopped(stage)
    _reserved_whole(stage)
    assert stage.send("start_vm", "found").status == 400


def _not_restarted_on_a_reserved_node(stage: Stage) -> None:
    given.left(stage)
    _reserved_whole(stage)
    assert stage.run_event("restart_vms", "scheduled") == {"restarted": 0}
    assert stage.run_event("vm_steps", "restart_vms_beside") == {"restarted": 0}


def _destroyed_by_an_operator(stage: Stage) -> None:
    exercise_operators.vm(stage.with_vm())


def _stopped_and_destroyed_by_an_operator(stage: Stage) -> None:
    _stopped(stage)
    exercise_operators.vm(stage)


def _counted_in_by_an_operator(stage: Stage) -> None:
    for subject in (VMS, VM_GPUS):
        stage.db.delete_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, subject))
    exercise_operators.vm(stage.with_vm())


LIVES: tuple[Callable[[Stage], None], ...] = (
    _stopped_and_started,
    _destroyed_while_it_holds_nothing,
    _preempted_by_a_request,
    _preempted_by_a_start,
    _restarted_by_reconcile,
    _failed_with_its_node,
    _not_created_on_a_reserved_node,
    _not_started_on_a_reserved_node,
    _not_restarted_on_a_reserved_node,
    _destroyed_by_an_operator,
    _stopped_and_destroyed_by_an_operator,
    _counted_in_by_an_operator,
    given.failed,
)

"""Repairs of VM records: refused if anything changed since; repaired VMs work again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.writes import ACTIONS_MAX
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import VmStatus
from gpu_capacity.vms.schedule import restart_vms
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.vms.scene import ACCOUNT
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, caller
from tests.upkeep.audit import planted_vms
from tests.upkeep.audit.planted_vms import record
from tests.upkeep.audit.scene import STRANGER, found, results
from tests.upkeep.audit.vm_scene import NODE_POD, VmScene

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.vms.record import Vm


@pytest.fixture
def scene() -> VmScene:
    return VmScene()


# Concurrent writes between the last read and the repair


def _destroy(name: str) -> Callable[[VmScene], object]:
    def rival(scene: VmScene) -> object:
        vm: Vm = getattr(scene, name)
        return destroy_vm(scene.world.environment(), caller(), vm.id, ACCOUNT)

    rival.__name__ = f"destroy_{name}"
    return rival


def _stop_preemptor(scene: VmScene) -> object:
    return stop_vm(scene.world.environment(), caller(), scene.new_vm.id, ACCOUNT)


def _start_kept(scene: VmScene) -> object:
    return start_vm(scene.world.environment(), caller(), scene.kept.id, ACCOUNT)


def _rent_the_rest(scene: VmScene) -> object:
    return scene.nodes.create(4, node="vm07")


def _take_node(scene: VmScene) -> None:
    scene.set(INVENTORY, NODE_POD, d2=STRANGER)


def _revive(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.destroyed), status="running", revision=99)


def _wait(scene: VmScene) -> None:
    waits_for = [[ORGANIZATION, scene.new_vm.id]]
    scene.set(HOLDERS, record(scene.running), waits_for=waits_for, revision=99)


def _revoke(scene: VmScene) -> None:
    scene.delete(HOLDERS, keys.api_key(scene.key.digest))


def _list_key(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.api_key_of(ORGANIZATION, scene.key.digest), created_at=1)


def _make_key(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.api_key("0" * 64), organization=ORGANIZATION, subject="s", scope="read_only")


RIVALS: list[tuple[Callable[[VmScene], None], Callable[[VmScene], object]]] = [
    (planted_vms.gpus_are_owned_without_a_holder, _rent_the_rest),
    (planted_vms.a_destroyed_vm_owns_a_gpu, _revive),
    (planted_vms.half_of_the_gpus_of_a_vm_are_free, _start_kept),
    (planted_vms.the_node_of_a_vm_is_free, _stop_preemptor),
    (planted_vms.the_node_of_a_vm_is_free, _take_node),
    (planted_vms.a_vm_was_told_to_leave_for_one_that_runs, _stop_preemptor),
    (planted_vms.a_vm_was_told_to_leave_for_one_that_runs, _wait),
    (planted_vms.the_roster_has_a_vm_that_is_destroyed, _revive),
    (planted_vms.the_roster_says_that_a_vm_does_not_restart, _destroy("interrupted")),
    (planted_vms.a_vm_is_not_on_the_roster, _destroy("interrupted")),
    (planted_vms.a_new_vm_is_not_in_the_index, _destroy("created")),
    (planted_vms.an_api_key_is_not_listed, _revoke),
    (planted_vms.an_api_key_is_not_listed, _list_key),
    (planted_vms.a_listed_api_key_does_not_exist, _make_key),
    (planted_vms.an_api_key_is_listed_by_another_organization, _revoke),
]


@pytest.mark.parametrize(
    ("plant", "rival"), RIVALS, ids=[f"{plant.__name__}-{rival.__name__}" for plant, rival in RIVALS]
)
def test_a_repair_is_refused_if_anything_changed_since_the_last_read(
    scene: VmScene, plant: Callable[[VmScene], None], rival: Callable[[VmScene], object]
) -> None:
    plant(scene)
    pending, states = [rival], []

    def step_in(_operation: str, _parameters: dict[str, Any]) -> None:
        if pending:
            pending.pop()(scene)
            states.append(scene.db.dump())

    for operation in ("transact_write_items", "update_item"):
        scene.db.before(operation, step_in, times=None)
    report = scene.audit(fix=True)
    assert results(report) == {"refused"}
    assert not report.is_clean
    assert scene.db.dump() == states[0]


# What works again after a repair


def test_freed_gpus_are_rented_again(scene: VmScene) -> None:
    planted_vms.gpus_are_owned_without_a_holder(scene)
    scene.audit(fix=True)
    assert scene.nodes.create(8, node="vm07").gpus == 255


def test_a_vm_put_back_into_the_index_continues(scene: VmScene) -> None:
    planted_vms.a_vm_that_stops_has_no_work(scene)
    scene.audit(fix=True)
    scene.world.clock.advance(61)
    reconcile(scene.world.services)
    scene.nodes.engine.settle()
    assert scene.vm(scene.stopping).status is VmStatus.STOPPED
    assert scene.audit().is_clean


def test_a_vm_put_back_on_the_roster_is_restarted(scene: VmScene) -> None:
    planted_vms.a_vm_is_not_on_the_roster(scene)
    destroy_vm(scene.world.services, caller(), scene.new_vm.id, ACCOUNT)
    scene.nodes.engine.settle()
    assert restart_vms(scene.world.services) == 0
    scene.audit(fix=True)
    assert restart_vms(scene.world.services) == 1
    assert scene.audit().is_clean


def test_a_vm_whose_notice_was_removed_can_be_destroyed(scene: VmScene) -> None:
    planted_vms.the_record_of_a_waiting_vm_was_deleted(scene)
    scene.audit(fix=True)
    destroy_vm(scene.world.services, caller(), scene.leaving.id, ACCOUNT)
    scene.nodes.engine.settle()
    assert scene.audit().is_clean


def test_a_write_decided_before_the_repair_of_a_vm_is_refused(scene: VmScene) -> None:
    planted_vms.a_vm_was_told_to_leave_for_one_that_runs(scene)
    before = scene.vm(scene.new_vm)
    scene.audit(fix=True)
    assert isinstance(scene.world.services.vms.update([(before, before)]), Refused)


def test_other_vms_of_a_node_keep_their_gpus(scene: VmScene) -> None:
    before = scene.owners(0)
    planted_vms.a_destroyed_vm_owns_a_gpu(scene)
    scene.audit(fix=True)
    assert scene.owners(0) == before


def test_gpus_listed_by_two_vms_are_given_to_neither(scene: VmScene) -> None:
    planted_vms.two_vms_list_a_gpu(scene)
    scene.own(4, None)
    report = scene.audit(fix=True)
    assert found(report).count("double") == 1
    assert scene.vm(scene.dying).tag not in scene.owners(4)


def test_a_repair_of_more_gpus_than_a_node_has_fits_into_one_transaction(scene: VmScene) -> None:
    scene.own(6, {planted_vms.NOBODYS_GPUS: (1 << ACTIONS_MAX + 1) - 1})
    assert results(scene.audit(fix=True)) == {"repaired"}

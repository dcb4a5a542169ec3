from __future__ import annotations

import pytest

from gpu_capacity.errors import ActionRefused
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import VmStatus
from gpu_capacity.vms.schedule import restart_vms, watch_vm_nodes
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.vms.scene import ACCOUNT, INTERRUPTIBLE, ON_DEMAND, RESERVED, Scene


def full_node(scene: Scene) -> list[object]:
    return [scene.running(2, INTERRUPTIBLE) for _ in range(4)]


@pytest.mark.parametrize("rental", [ON_DEMAND, RESERVED])
def test_the_newest_interruptible_vm_is_interrupted_after_its_notice(rental: object) -> None:
    scene = Scene()
    *stays, newest = [scene.running(2, INTERRUPTIBLE) for _ in range(4)]
    new_vm = scene.create(2, rental)  # type: ignore[arg-type]
    scene.engine.run()
    shown = scene.now(newest)
    assert shown.status is VmStatus.RUNNING
    assert shown.preempt_at == new_vm.created_at + scene.services.limits.vm_notice_seconds
    assert scene.status(new_vm) == "creating"
    assert scene.now(new_vm).gpus == 0
    scene.engine.settle()
    assert scene.status(newest) == "interrupted"
    assert scene.status(new_vm) == "running"
    assert scene.now(new_vm).gpus == newest.gpus
    assert [scene.status(vm) for vm in stays] == ["running"] * 3
    assert scene.audit() == []


def test_free_gpus_of_the_slice_are_taken_at_once() -> None:
    scene = Scene()
    for _ in range(3):
        scene.running(2, ON_DEMAND)
    victim = scene.running(1, INTERRUPTIBLE)
    new_vm = scene.create(2)
    assert scene.now(new_vm).gpus == 0b1000_0000
    with pytest.raises(ActionRefused, match="no GPU of the node is free"):
        scene.create(1)
    scene.engine.settle()
    assert scene.status(victim) == "interrupted"
    assert scene.audit() == []


def test_a_request_that_preemption_cannot_serve_gives_no_notice() -> None:
    scene = Scene()
    stays = scene.running(4, ON_DEMAND)
    guests = [scene.running(2, INTERRUPTIBLE) for _ in range(2)]
    with pytest.raises(ActionRefused, match="largest that it could give has 4"):
        scene.create(8)
    assert all(scene.now(vm).preempted_by is None for vm in (stays, *guests))


def test_an_interruptible_request_preempts_nobody() -> None:
    scene = Scene()
    full_node(scene)
    with pytest.raises(ActionRefused, match="no GPU of the node is free"):
        scene.create(1, INTERRUPTIBLE)


def test_destroying_the_preemptor_within_the_notice_withdraws_the_notices() -> None:
    scene = Scene()
    victim = scene.running(8, INTERRUPTIBLE)
    new_vm = scene.create(4)
    scene.engine.run()
    destroy_vm(scene.services, scene.caller, new_vm.id, ACCOUNT)
    scene.engine.settle()
    now = scene.now(victim)
    assert (now.status, now.preempt_at, now.preempted_by) == (VmStatus.RUNNING, None, None)
    assert scene.owners() == {victim.tag: 0xFF}
    assert scene.audit() == []


@pytest.mark.parametrize("leave", [stop_vm, destroy_vm])
def test_gpus_of_a_victim_that_leaves_earlier_go_to_the_preemptor(leave: object) -> None:
    scene = Scene()
    victim = scene.running(8, INTERRUPTIBLE)
    new_vm = scene.create(4)
    leave(scene.services, scene.caller, victim.id, ACCOUNT)  # type: ignore[operator]
    for _ in range(6):
        scene.engine.run()
        scene.world.clock.advance(5)
    assert scene.now(victim).status in (VmStatus.STOPPED, VmStatus.DESTROYED)
    assert scene.owners() == {new_vm.tag: 0b1111}
    scene.engine.settle()
    assert scene.status(new_vm) == "running"
    assert scene.audit() == []


def test_a_vm_with_notice_is_not_a_victim_of_a_second_preemptor() -> None:
    scene = Scene()
    victim = scene.running(8, INTERRUPTIBLE)
    scene.create(4)
    with pytest.raises(ActionRefused):
        scene.create(4)
    assert scene.now(victim).preempted_by is not None


def test_starting_an_on_demand_vm_preempts_as_creating_does() -> None:
    scene = Scene()
    vm = scene.running(8)
    stop_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    scene.engine.settle()
    victim = scene.running(8, INTERRUPTIBLE)
    start_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    scene.engine.settle()
    assert (scene.status(vm), scene.status(victim)) == ("running", "interrupted")
    assert scene.audit() == []


def test_interrupted_vms_restart_oldest_first_when_gpus_become_free() -> None:
    scene = Scene()
    first, second = scene.running(4, INTERRUPTIBLE), scene.running(4, INTERRUPTIBLE)
    new_vm = scene.running(8)
    assert (scene.status(first), scene.status(second)) == ("interrupted", "interrupted")
    assert restart_vms(scene.services) == 0
    guest = scene.create(8, node="vm02")
    destroy_vm(scene.services, scene.caller, guest.id, ACCOUNT)
    destroy_vm(scene.services, scene.caller, new_vm.id, ACCOUNT)
    scene.engine.settle()
    assert (scene.status(first), scene.status(second)) == ("running", "running")
    assert scene.now(first).gpus == 0b1111
    assert scene.audit() == []


def test_a_vm_that_does_not_fit_does_not_delay_a_smaller_one() -> None:
    scene = Scene()
    big = scene.running(8, INTERRUPTIBLE)
    scene.running(4)
    small = scene.running(4, INTERRUPTIBLE)
    new_vm = scene.running(4)
    assert (scene.status(big), scene.status(small)) == ("interrupted", "interrupted")
    destroy_vm(scene.services, scene.caller, new_vm.id, ACCOUNT)
    scene.engine.settle()
    assert (scene.status(big), scene.status(small)) == ("interrupted", "running")
    assert scene.audit() == []


def test_an_execution_that_died_during_the_notice_is_restarted_and_finishes() -> None:
    scene = Scene()
    victim = scene.running(8, INTERRUPTIBLE)
    new_vm = scene.create(8)
    scene.engine.run()
    (name,) = scene.engine.executions
    scene.engine.kill(name)
    scene.world.clock.advance(61)
    assert reconcile(scene.services).restarted == 1
    scene.engine.settle()
    assert (scene.status(victim), scene.status(new_vm)) == ("interrupted", "running")
    assert scene.audit() == []


def test_a_preemptor_that_fails_within_the_notice_withdraws_the_notices() -> None:
    scene = Scene()
    victim = scene.running(8, INTERRUPTIBLE)
    new_vm = scene.create(4)
    scene.engine.run()
    scene.lose(0)
    scene.world.clock.advance(120)
    scene.engine.settle()
    scene.lose()
    assert scene.status(new_vm) == "failed"
    assert scene.now(victim).preempted_by is None
    assert scene.status(victim) == "running"
    assert scene.audit() == []


def test_fewer_victims_are_preferred_to_newer_ones() -> None:
    scene = Scene()
    old = scene.running(4, INTERRUPTIBLE)
    newer = [scene.running(2, INTERRUPTIBLE) for _ in range(2)]
    new_vm = scene.create(4)
    assert new_vm.waits_for == (old.key,)
    scene.engine.settle()
    assert [scene.status(vm) for vm in (old, *newer)] == ["interrupted", "running", "running"]


def test_several_victims_are_interrupted_together_or_not_at_all() -> None:
    scene = Scene()
    guests = [scene.running(2, INTERRUPTIBLE) for _ in range(4)]
    new_vm = scene.create(8)
    scene.engine.run()
    stop_vm(scene.services, scene.caller, guests[1].id, ACCOUNT)
    scene.world.clock.advance(130)
    name = next(n for n, e in scene.engine.executions.items() if e.payload["vm"] == new_vm.id)
    scene.engine.step(name)
    scene.engine.step(name)
    # One victim is still stopping: the others run until it is gone.
    assert [scene.status(vm) for vm in guests] == ["running", "stopping", "running", "running"]
    scene.engine.settle()
    assert [scene.status(vm) for vm in guests] == ["interrupted", "stopped", "interrupted", "interrupted"]
    assert scene.status(new_vm) == "running"
    assert scene.audit() == []


def test_an_interrupted_vm_is_not_restarted_before_its_server_is_gone() -> None:
    scene = Scene()
    guest = scene.running(4, INTERRUPTIBLE)
    stays = scene.running(4)
    new_vm = scene.create(4)
    scene.engine.run()
    destroy_vm(scene.services, scene.caller, stays.id, ACCOUNT)
    for _ in range(3):
        scene.engine.run()
        scene.world.clock.advance(5)
    assert scene.now(stays).gpus == 0
    scene.world.clock.advance(120)
    name = next(n for n, e in scene.engine.executions.items() if e.payload["vm"] == new_vm.id)
    scene.engine.step(name)
    scene.engine.step(name)
    assert scene.status(guest) == "interrupted"
    assert scene.now(guest).unsettled_since is not None
    scene.lose(0)
    assert watch_vm_nodes(scene.services) == 0, "its server is still to be taken away"
    scene.lose()
    assert restart_vms(scene.services) == 0
    with pytest.raises(ActionRefused, match="still being interrupted"):
        start_vm(scene.services, scene.caller, guest.id, ACCOUNT)
    scene.engine.settle()
    restart_vms(scene.services)
    scene.engine.settle()
    assert scene.status(guest) == "running"
    assert scene.audit() == []

"""A keyed id is used again when the record of a destroyed VM has expired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.holders.limits import Limits
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import VmStatus
from testkit.vms.record import VM
from testkit.vms.scene import ACCOUNT, Scene

if TYPE_CHECKING:
    from gpu_capacity.vms.record import Vm

DAY = 86_400
"""Less than the provider keeps a fence, and than Step Functions remembers a name."""


def _scene() -> Scene:
    scene = Scene()
    scene.world.limits = Limits(destroyed_vm_seconds=DAY)
    scene.services = scene.world.services = scene.world.environment()
    return scene


def _keyed(scene: Scene) -> Vm:
    return create_vm(scene.services, scene.caller, scene.request(2), ACCOUNT, idempotency_key="key")


def _swept(scene: Scene) -> Vm:
    """A VM under the key that ran and was destroyed, and whose record has expired."""
    vm = _keyed(scene)
    scene.engine.settle()
    vm = scene.now(vm)
    destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    scene.engine.settle()
    scene.world.clock.advance(DAY + 1)
    assert scene.services.vms.get(*vm.key) is None
    return vm


def test_a_vm_runs_under_the_key_of_one_whose_record_has_expired() -> None:
    scene = _scene()
    first = _swept(scene)
    second = _keyed(scene)
    scene.engine.settle()

    assert second.id == first.id
    assert scene.status(second) == "running"
    assert scene.services.vm_provider.server(scene.now(second).server_owner) is not None
    assert scene.audit() == []


def test_no_server_or_execution_name_of_an_earlier_life_is_used_again() -> None:
    scene = _scene()
    first = _swept(scene)
    second = _keyed(scene)

    earlier = {f"{first.id}-{number}" for number in range(100)}
    earlier |= {f"{first.id}-{first.created_at + number}" for number in range(DAY)}
    assert not {second.server_owner, second.execution} & earlier


def test_records_of_the_earlier_version_keep_the_names_of_their_servers_and_executions() -> None:
    before = replace(VM, runs=2, attempt=3, created_at=1_779_999_000)

    assert (before.server_owner, before.execution) == (f"{VM.id}-2", f"{VM.id}-3")


def test_a_start_whose_run_is_fenced_fails_at_its_deadline() -> None:
    scene = _scene()
    vm = scene.create(2)
    scene.services.vm_provider.fence(vm.server_owner)
    scene.engine.run()
    deadline = scene.now(vm).deadline
    assert deadline is not None

    while scene.world.clock.now() < deadline - 60:
        scene.world.clock.advance(60)
        reconcile(scene.services)
        scene.engine.run()
    assert scene.now(vm).status is VmStatus.STARTING
    scene.engine.settle()

    assert scene.status(vm) == "failed"
    assert scene.world.clock.now() < deadline + 120
    assert scene.owners() == {}

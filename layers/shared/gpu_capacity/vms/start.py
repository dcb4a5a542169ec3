"""Start a VM that is stopped or was interrupted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import ActionRefused, RaceLost
from gpu_capacity.vms.preemption import take_slice, update_writer
from gpu_capacity.vms.proceed import ATTEMPTS_MAX, proceed
from gpu_capacity.vms.read import vm_of
from gpu_capacity.vms.record import Vm, VmStatus
from gpu_capacity.vms.schedule import next_run

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.vms.proceed import Needs


def start_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """Start a stopped or interrupted VM. It takes a slice again, unless it kept its own during its term.

    Raises:
        Forbidden: the token may not write VMs.
        NotFound: no such VM in the account's organization.
        ActionRefused: its status does not allow it, or its node has no room.
        RaceLost: rivals changed the VM or the node ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        vm = vm_of(services, account, vm_id)
        if vm.status not in (VmStatus.STOPPED, VmStatus.INTERRUPTED):
            raise ActionRefused(f"a VM that is {vm.status.value} cannot be started")
        if vm.unsettled_since is not None:
            raise ActionRefused("the VM is still being interrupted")
        begun = _begin(services, vm)
        if begun is not None:
            return proceed(services, caller, "start_vm", begun)
        services.pause(attempt)
    raise RaceLost("other requests changed the VM or the node every time")


def _begin(services: Needs, vm: Vm) -> Vm | None:
    """Write a VM that its user starts; None after a lost race."""
    place = services.inventory.node(vm.node)
    if place is None or place.host.id != vm.host_id:
        raise ActionRefused("the node is out of service")
    begun = next_run(services, vm)
    if vm.auto_restart is not None:
        begun = replace(begun, auto_restart=True)
    if vm.gpus:
        return begun if not isinstance(services.vms.update([(vm, begun)]), Refused) else None
    return take_slice(services, begun, place.gpus, update_writer(services, vm))

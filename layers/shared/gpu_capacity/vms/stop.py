"""Stop a VM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import ActionRefused, RaceLost
from gpu_capacity.vms.proceed import ATTEMPTS_MAX, proceed, unsettled
from gpu_capacity.vms.read import vm_of
from gpu_capacity.vms.record import TRANSITIONS, Vm, VmStatus

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.vms.proceed import Needs


def stop_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """Stop a running VM. This also ends the automatic restart of an interruptible one.

    Raises:
        Forbidden: the token may not write VMs.
        NotFound: no such VM in the account's organization.
        ActionRefused: its status does not allow it.
        RaceLost: rivals changed the VM ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        vm = vm_of(services, account, vm_id)
        if VmStatus.STOPPING not in TRANSITIONS[vm.status]:
            raise ActionRefused(f"a VM that is {vm.status.value} cannot be stopped")
        stopping = replace(
            unsettled(services, vm),
            status=VmStatus.STOPPING,
            auto_restart=None if vm.auto_restart is None else False,
        )
        if not isinstance(services.vms.update([(vm, stopping)]), Refused):
            return proceed(services, caller, "stop_vm", stopping)
        services.pause(attempt)
    raise RaceLost("other requests changed the VM every time")

"""Destroy a VM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import RaceLost
from gpu_capacity.vms.preemption import notices_withdrawn
from gpu_capacity.vms.proceed import ATTEMPTS_MAX, proceed, unsettled
from gpu_capacity.vms.read import vm_of
from gpu_capacity.vms.record import Vm, VmStatus

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.vms.proceed import Needs


def destroy_vm(
    services: Needs, caller: Caller, vm_id: str, account: Account, removal: str | None = None
) -> Vm:
    """Destroy a VM for good, and withdraw the notices that were given for it. A repeat changes nothing.

    ``removal`` is the reason of an operator.

    Raises:
        Forbidden: the token may not write VMs.
        NotFound: no such VM in the account's organization.
        RaceLost: rivals changed the VM ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        vm = vm_of(services, account, vm_id)
        if vm.status is VmStatus.DESTROYED:
            return vm
        destroyed = replace(
            unsettled(services, vm),
            status=VmStatus.DESTROYED,
            waits_for=(),
            wants=0,
            ssh_public_key=None,
            password_hash=None,
            ip_address=None,
            deadline=None,
            removal=removal,
            stopped_at=vm.stopped_at or services.clock.now(),
        )
        if not isinstance(services.vms.update([(vm, destroyed), *notices_withdrawn(services, vm)]), Refused):
            return proceed(services, caller, "destroy_vm", destroyed)
        services.pause(attempt)
    raise RaceLost("other requests changed the VM every time")

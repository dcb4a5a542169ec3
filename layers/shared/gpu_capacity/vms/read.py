"""Read VMs and their usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.notices import EVERY_HOST, notices
from gpu_capacity.vms.record import Vm, VmStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.holders.notices import Notice
    from gpu_capacity.holders.roles import HasVmProvider
    from gpu_capacity.providers.port import Usage
    from gpu_capacity.vms.proceed import Needs
    from gpu_capacity.vms.record import PageOfVms


def get_vm(services: Needs, caller: Caller, vm_id: str, account: Account) -> Vm:
    """One VM of the account's organization; a destroyed one as long as its record is kept.

    Raises:
        Forbidden: the token may not read VMs.
        NotFound: no such VM in the account's organization.
    """
    caller.require(Permission.READ_VMS)
    return vm_of(services, account, vm_id)


def list_vms(services: Needs, caller: Caller, account: Account, asked: PageOfVms) -> list[Vm]:
    """A page of the organization's VMs, newest first; destroyed ones as long as their records are kept.

    Raises:
        Forbidden: the token may not read VMs.
    """
    caller.require(Permission.READ_VMS)
    return services.vms.page(account.organization_id, asked)


def usage_of(services: HasVmProvider, vms: Sequence[Vm]) -> Mapping[str, Usage]:
    """The usage of those of the VMs that are running, by VM id, in one call of the provider.

    Raises:
        ProviderUnavailable: the provider does not answer.
    """
    owners = {vm.server_owner: vm.id for vm in vms if vm.status is VmStatus.RUNNING}
    known = services.vm_provider.usage(sorted(owners)) if owners else {}
    return {owners[owner]: usage for owner, usage in known.items()}


def notices_of(services: NoticesNeeds, vms: Sequence[Vm]) -> list[tuple[Notice, ...]]:
    """For each VM, the maintenances that are about its node; none for one that is destroyed."""
    return notices(
        services,
        [
            [] if vm.status is VmStatus.DESTROYED else [(vm.region_id, vm.pod_id, vm.position, EVERY_HOST)]
            for vm in vms
        ],
    )


def vm_of(services: Needs, account: Account, vm_id: str) -> Vm:
    """A VM of the account's organization.

    Raises:
        NotFound: the organization has no such VM.
    """
    vm = services.vms.get(account.organization_id, vm_id)
    if vm is None:
        raise NotFound("the VM does not exist")
    return vm

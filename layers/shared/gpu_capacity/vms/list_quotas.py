"""List the quotas on VMs and their GPUs of the account's organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.quota import VM_GPUS, VMS

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.roles import HasQuotas


def list_vm_quotas(services: HasQuotas, caller: Caller, account: Account) -> list[Quota]:
    """The quotas of the account's organization on VMs and their GPUs, without those that have no limit.

    Raises:
        Forbidden: the token may not read VMs.
    """
    caller.require(Permission.READ_VMS)
    found = services.quotas.read_many(account.organization_id, (VMS, VM_GPUS))
    return [quota for quota in found.values() if quota.limit is not None]

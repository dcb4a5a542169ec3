"""What organizations may own, and do, as their members are shown it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.quota import INSTANCES, VM_GPUS, VMS

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.holders.account import Account
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.services.parts import HasQuotas


def list_reservation_quotas(
    services: HasQuotas, caller: Caller, organizations: frozenset[str]
) -> list[Quota]:
    """Limits on units of accelerators, by organization and accelerator; none where there is no limit.

    ``organizations`` narrows where to look, and lets an operator look anywhere.

    Raises:
        Forbidden: the token may not read reservations.
    """
    caller.require(Permission.READ_RESERVATIONS)
    return [
        quota
        for organization_id in caller.organizations_to_search(organizations)
        for quota in services.quotas.limits(organization_id)
        if quota.subject not in (INSTANCES, VMS, VM_GPUS)
    ]


def list_vm_quotas(services: HasQuotas, caller: Caller, account: Account) -> list[Quota]:
    """The limits of the account's organization on VMs and their GPUs; none where there is no limit.

    Raises:
        Forbidden: the token may not read VMs.
    """
    caller.require(Permission.READ_VMS)
    found = services.quotas.read_many(account.organization_id, (VMS, VM_GPUS))
    return [quota for quota in found.values() if quota.limit is not None]


def list_capacity_claim_quotas(services: HasQuotas, caller: Caller) -> list[Quota]:
    """Limits on instances, by organization; none where there is no limit.

    Raises:
        Forbidden: the token may not read capacity claims.
    """
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    found = (services.quotas.read(o, INSTANCES) for o in caller.organizations_to_search(frozenset()))
    return [quota for quota in found if quota is not None and quota.limit is not None]

"""List the quotas on accelerators of organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.quota import INSTANCES, VM_GPUS, VMS

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.roles import HasQuotas


def list_reservation_quotas(
    services: HasQuotas, caller: Caller, organizations: frozenset[str]
) -> list[Quota]:
    """The quotas on units of accelerators, by organization and accelerator, without those that have no limit.

    Args:
        services: collaborators.
        caller: who sends the request.
        organizations: where to look; empty for all of the caller's. An operator may name any.

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

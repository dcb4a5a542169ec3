"""What an organization may reserve, as its members are shown it."""

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

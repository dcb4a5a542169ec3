"""List the quotas on instances of the caller's organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.holders.quota import INSTANCES

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.roles import HasQuotas


def list_capacity_claim_quotas(services: HasQuotas, caller: Caller) -> list[Quota]:
    """The quotas on instances of the caller's organizations, without those that have no limit.

    Raises:
        Forbidden: the token may not read capacity claims.
    """
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    found = (services.quotas.read(o, INSTANCES) for o in caller.organizations_to_search(frozenset()))
    return [quota for quota in found if quota is not None and quota.limit is not None]

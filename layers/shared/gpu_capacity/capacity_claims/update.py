"""Change the count and the zones of a capacity claim."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.proceed import ATTEMPTS_MAX, audit, proceed
from gpu_capacity.capacity_claims.read import visible_claim
from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus, conditions_of, settled_status
from gpu_capacity.capacity_claims.resources import catalogued, check_unchanged
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import FailedPrecondition, RaceLost
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.holders.quotas import check, count_in

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.proceed import Needs
    from gpu_capacity.capacity_claims.resources import Resources


def update_capacity_claim(
    services: Needs, caller: Caller, claim_id: str, resources: Resources, name: str | None = None
) -> CapacityClaim:
    """Change the count and the zones of a claim.

    A larger count adds pending instances. A smaller one drops pending instances first, then gives back owned
    ones from the least preferred zone. Instances in a zone that is no longer listed are given back and count
    as pending again.

    Raises:
        Forbidden: the token may not write claims.
        NotFound: no such claim in the caller's organizations.
        InvalidRequest: another name, instance type or capacity type, or an unknown zone.
        FailedPrecondition: the claim is being deleted.
        QuotaExceeded: the organization would exceed its limit on instances.
        RaceLost: rivals changed the claim ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_CAPACITY_CLAIMS)
    for attempt in range(ATTEMPTS_MAX):
        claim = visible_claim(services, caller, claim_id)
        if claim.status is ClaimStatus.DELETING:
            raise FailedPrecondition("STATUS_DELETING", claim.id, "the capacity claim is being deleted")
        check_unchanged(claim, resources, name)
        after = _resized(services, caller, claim, resources)
        if after == claim:
            # A repeat: finish what the first try may not have reached.
            return proceed(services, claim) if claim.pending or claim.surplus else claim
        quota = services.quotas.read(claim.organization_id, INSTANCES)
        if quota is not None and not claim.counted:
            count_in(services.quotas, services.claims, claim)
            continue
        more = after.instance_count - claim.instance_count
        if more > 0:
            check(quota, more)
        if not isinstance(services.claims.update(claim, after, (), quota), Refused):
            audit(services, caller, "update_capacity_claim", after)
            return proceed(services, after, left=claim.waits_in - after.waits_in)
        services.pause(attempt)
    raise RaceLost("other requests changed the claim every time")


def _resized(services: Needs, caller: Caller, claim: CapacityClaim, resources: Resources) -> CapacityClaim:
    """The claim with the count and the zones of the request; the same object if nothing changes."""
    now = services.clock.now()
    zones = catalogued(services, caller, resources, claim).zones
    after = replace(claim, instance_count=resources.instance_count, zones=zones)
    after = after.spelled(resources.instance_id, resources.zones)
    if after == claim:
        return claim
    after = replace(
        after,
        status=settled_status(after),
        unsettled_since=now if after.surplus else None,
        # Execution names are used once, and this change may need a new execution.
        attempt=claim.attempt + 1,
    )
    return replace(after, conditions=conditions_of(after, {}, now)).updated(services.clock.now_us())

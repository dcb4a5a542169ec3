"""Begin to delete a capacity claim: its workflow then gives back what it owns and removes the record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.proceed import ATTEMPTS_MAX, audit
from gpu_capacity.capacity_claims.read import visible_claim
from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus, conditions_of
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import RaceLost
from gpu_capacity.holders.workflows import start_workflow

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.proceed import Needs


def delete_capacity_claim(
    services: Needs, caller: Caller, claim_id: str, removal: str | None = None
) -> CapacityClaim:
    """Mark a claim as deleting and start its workflow. A repeat changes nothing and starts nothing.

    ``removal`` is the reason of an operator.

    Raises:
        Forbidden: the token may not write claims.
        NotFound: no such claim in the caller's organizations.
        RaceLost: rivals changed the claim ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_CAPACITY_CLAIMS)
    for attempt in range(ATTEMPTS_MAX):
        claim = visible_claim(services, caller, claim_id)
        if claim.status is ClaimStatus.DELETING:
            return claim
        now = services.clock.now()
        after = replace(
            claim,
            status=ClaimStatus.DELETING,
            unsettled_since=now,
            attempt=claim.attempt + 1,
            removal=removal,
        )
        after = replace(after, conditions=conditions_of(after, {}, now)).updated(services.clock.now_us())
        if not isinstance(services.claims.update(claim, after), Refused):
            audit(services, caller, "delete_capacity_claim", after)
            start_workflow(services, after)
            return after
        services.pause(attempt)
    raise RaceLost("other requests changed the claim every time")

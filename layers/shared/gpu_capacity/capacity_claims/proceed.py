"""What a request does after it changed a capacity claim: write an audit line, and do the first round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim, wake_next
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.workflows import start_workflow

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.capacity_claims.settle import Needs as SettleClaimNeeds
    from gpu_capacity.holders.roles import HasQuotas, HasWorkflows

    class Needs(SettleClaimNeeds, HasQuotas, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Attempts of a request to write a claim before it answers "try again"."""


def proceed(services: Needs, claim: CapacityClaim, left: frozenset[str] = frozenset()) -> CapacityClaim:
    """Do the first round at once, so that the response shows its result; leave the rest to the workflow.

    The record is already written, so a failure here does not fail the request.

    Args:
        services: collaborators.
        claim: as the request wrote it.
        left: zones whose queues the request removed the claim from.

    Returns:
        The claim after the round, or as given if it cannot be read.
    """
    try:
        wake_next(services, claim.instance_id, left)
        step = settle_capacity_claim(services, claim.organization_id, claim.id)
        found = services.claims.get(claim.organization_id, claim.id)
    except StorageUnavailable as error:
        services.telemetry.warning("round not finished", claim=claim.id, reason=str(error))
        step, found = Step.AGAIN, None
    if step is Step.AGAIN:
        start_workflow(services, claim)
    return found or claim


def audit(services: Needs, caller: Caller, action: str, claim: CapacityClaim) -> None:
    """Write the audit line of a change that a request made."""
    services.telemetry.audit(
        caller.subject,
        action,
        claim.id,
        "accepted",
        organization=claim.organization_id,
        instances=claim.instance_count,
    )

"""POST /v1alpha1/inference/capacityclaims."""

from gpu_capacity.capacity_claims.api.models import ClaimCreate
from gpu_capacity.capacity_claims.api.replies import one_claim
from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Create a capacity claim, or, in a dry run, return it as it would be."""
    dry_run = call.flag("dryRun")
    body = call.body(ClaimCreate)
    claim = create_capacity_claim(
        call.services,
        call.caller,
        body.resources.resources(),
        claim_id=body.id,
        name=body.name,
        idempotency_key=call.idempotency_key(),
        dry_run=dry_run,
    )
    return one_claim(claim)


lambda_handler = claim_function("create_capacity_claim", handle)

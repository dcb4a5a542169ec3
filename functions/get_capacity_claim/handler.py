"""GET /v1alpha1/inference/capacityclaims/{claimID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.claim_replies import claim_id_of, one_claim
from gpu_capacity.runtime.claim_functions import claim_function
from gpu_capacity.services.capacity_claims import get_capacity_claim


def handle(call: Call) -> Reply:
    """Show one claim."""
    return one_claim(get_capacity_claim(call.services, call.caller, claim_id_of(call)))


lambda_handler = claim_function("get_capacity_claim", handle)

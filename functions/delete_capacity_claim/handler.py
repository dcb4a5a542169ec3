"""DELETE /v1alpha1/inference/capacityclaims/{claimID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.claim_replies import claim_id_of, one_claim
from gpu_capacity.runtime.claim_functions import claim_function
from gpu_capacity.services.capacity_claims import delete_capacity_claim


def handle(call: Call) -> Reply:
    """Begin to drain a claim."""
    return one_claim(delete_capacity_claim(call.services, call.caller, claim_id_of(call)))


lambda_handler = claim_function("delete_capacity_claim", handle)

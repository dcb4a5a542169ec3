"""PATCH /v1alpha1/inference/capacityclaims/{claimID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.claim_replies import changes_of, claim_id_of, one_claim
from gpu_capacity.runtime.claim_functions import claim_function
from gpu_capacity.services.capacity_claims import update_capacity_claim


def handle(call: Call) -> Reply:
    """Grow, shrink or move a claim."""
    resources, name = changes_of(call)
    claim = update_capacity_claim(call.services, call.caller, claim_id_of(call), resources, name)
    return one_claim(claim)


lambda_handler = claim_function("update_capacity_claim", handle)

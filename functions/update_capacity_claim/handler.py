"""PATCH /v1alpha1/inference/capacityclaims/{claimID}."""

from gpu_capacity.capacity_claims.api.replies import changes_of, claim_id_of, one_claim
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Change the count and the zones of a capacity claim."""
    resources, name = changes_of(call)
    claim = update_capacity_claim(call.services, call.caller, claim_id_of(call), resources, name)
    return one_claim(claim)


lambda_handler = claim_function("update_capacity_claim", handle)

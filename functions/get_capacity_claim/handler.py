"""GET /v1alpha1/inference/capacityclaims/{claimID}."""

from gpu_capacity.capacity_claims.api.replies import claim_id_of, shown_claim
from gpu_capacity.capacity_claims.read import get_capacity_claim
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Return one capacity claim."""
    return shown_claim(call, get_capacity_claim(call.services, call.caller, claim_id_of(call)))


lambda_handler = claim_function("get_capacity_claim", handle)

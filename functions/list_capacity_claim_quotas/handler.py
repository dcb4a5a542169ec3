"""GET /v1alpha1/inference/capacityclaims/quotas."""

from gpu_capacity.capacity_claims.api.replies import quotas
from gpu_capacity.capacity_claims.list_quotas import list_capacity_claim_quotas
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the quotas on instances of the caller's organizations."""
    return quotas(list_capacity_claim_quotas(call.services, call.caller))


lambda_handler = claim_function("list_capacity_claim_quotas", handle)

"""GET /v1alpha1/inference/capacityclaims/quotas."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.claim_replies import quotas
from gpu_capacity.runtime.claim_functions import claim_function
from gpu_capacity.services.read_quotas import list_capacity_claim_quotas


def handle(call: Call) -> Reply:
    """List what the caller's organizations may have."""
    return quotas(list_capacity_claim_quotas(call.services, call.caller))


lambda_handler = claim_function("list_capacity_claim_quotas", handle)

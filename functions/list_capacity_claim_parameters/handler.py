"""GET /v1alpha1/inference/capacityclaims/parameters."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.claim_replies import parameters
from gpu_capacity.runtime.claim_functions import claim_function
from gpu_capacity.services.capacity_claims import instance_types_by_zone


def handle(call: Call) -> Reply:
    """List the instance types of each zone."""
    return parameters(instance_types_by_zone(call.services, call.caller))


lambda_handler = claim_function("list_capacity_claim_parameters", handle)

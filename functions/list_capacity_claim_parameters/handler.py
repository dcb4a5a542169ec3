"""GET /v1alpha1/inference/capacityclaims/parameters."""

from gpu_capacity.capacity_claims.api.replies import parameters
from gpu_capacity.capacity_claims.read import instance_types_by_zone
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the instance types of each zone."""
    return parameters(instance_types_by_zone(call.services, call.caller))


lambda_handler = claim_function("list_capacity_claim_parameters", handle)

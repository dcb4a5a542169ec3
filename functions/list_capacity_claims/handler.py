"""GET /v1alpha1/inference/capacityclaims."""

from gpu_capacity.capacity_claims.api.replies import claims_page, many_claims, updated_after
from gpu_capacity.capacity_claims.read import list_capacity_claims
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.capacity_claims import claim_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the capacity claims of the caller's organizations."""
    page = claims_page(call)
    return many_claims(
        call, page, list_capacity_claims(call.services, call.caller, updated_after(call), page.window)
    )


lambda_handler = claim_function("list_capacity_claims", handle)

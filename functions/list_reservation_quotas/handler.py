"""GET /api/v2/quotas."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import quotas
from gpu_capacity.reservations.list_quotas import list_reservation_quotas
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the quotas on accelerators of the caller's organizations."""
    return quotas(list_reservation_quotas(call.services, call.caller, call.values("organizationID")))


lambda_handler = reservation_function("list_reservation_quotas", handle)

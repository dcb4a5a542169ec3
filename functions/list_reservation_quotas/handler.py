"""GET /api/v2/quotas."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.reservation_replies import quotas
from gpu_capacity.runtime.reservation_functions import reservation_function
from gpu_capacity.services.read_quotas import list_reservation_quotas


def handle(call: Call) -> Reply:
    """List what the caller's organizations may have."""
    return quotas(list_reservation_quotas(call.services, call.caller, call.values("organizationID")))


lambda_handler = reservation_function("list_reservation_quotas", handle)

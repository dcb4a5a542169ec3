"""GET /api/v2/reservations."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.reservation_replies import many, reservation_filter
from gpu_capacity.runtime.reservation_functions import reservation_function
from gpu_capacity.services.read_reservations import list_reservations


def handle(call: Call) -> Reply:
    """List what the caller may see."""
    return many(list_reservations(call.services, call.caller, reservation_filter(call)))


lambda_handler = reservation_function("list_reservations", handle)

"""GET /api/v2/reservations."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import many, page_for, reservation_filter
from gpu_capacity.reservations.read import list_reservations
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the reservations that the caller may see."""
    wanted = reservation_filter(call)
    page = page_for(call, "reservations", wanted)
    return many(page, list_reservations(call.services, call.caller, wanted, page.window))


lambda_handler = reservation_function("list_reservations", handle)

"""GET /api/v2/reservations."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.reservation_replies import many, reservation_filter, reservation_page
from gpu_capacity.runtime.reservation_functions import reservation_function
from gpu_capacity.services.read_reservations import list_reservations


def handle(call: Call) -> Reply:
    """List what the caller may see."""
    wanted = reservation_filter(call)
    page = reservation_page(call, wanted)
    return many(page, list_reservations(call.services, call.caller, wanted, page.window))


lambda_handler = reservation_function("list_reservations", handle)

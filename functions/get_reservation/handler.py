"""GET /api/v2/reservations/{reservationID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.reservation_replies import one
from gpu_capacity.runtime.reservation_functions import reservation_function
from gpu_capacity.services.read_reservations import get_reservation


def handle(call: Call) -> Reply:
    """Show one reservation."""
    wanted, organizations = call.path_parameters["reservationID"], call.values("organizationID")
    return one(get_reservation(call.services, call.caller, wanted, organizations))


lambda_handler = reservation_function("get_reservation", handle)

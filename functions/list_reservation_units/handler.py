"""GET /api/v2/reservation-units."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.reservation_replies import unit_filter, units
from gpu_capacity.runtime.reservation_functions import reservation_function
from gpu_capacity.services.read_reservations import list_reservation_units


def handle(call: Call) -> Reply:
    """List what is on offer, and how much of it."""
    return units(list_reservation_units(call.services, call.caller, unit_filter(call)))


lambda_handler = reservation_function("list_reservation_units", handle)

"""GET /api/v2/reservation-units."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import unit_filter, units
from gpu_capacity.reservations.read import list_reservation_units
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List offerings with their capacity."""
    return units(list_reservation_units(call.services, call.caller, unit_filter(call)))


lambda_handler = reservation_function("list_reservation_units", handle)

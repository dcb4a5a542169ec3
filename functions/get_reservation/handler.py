"""GET /api/v2/reservations/{reservationID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import one
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Return one reservation."""
    wanted, organizations = call.path_parameters["reservationID"], call.values("organizationID")
    return one(get_reservation(call.services, call.caller, wanted, organizations))


lambda_handler = reservation_function("get_reservation", handle)

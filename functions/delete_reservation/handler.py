"""DELETE /api/v2/reservations/{reservationID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.reservation_replies import deleting
from gpu_capacity.runtime.reservation_functions import reservation_function
from gpu_capacity.services.delete_reservation import delete_reservation


def handle(call: Call) -> Reply:
    """Begin to tear a reservation down."""
    wanted, organizations = call.path_parameters["reservationID"], call.values("organizationID")
    delete_reservation(call.services, call.caller, wanted, organizations)
    return deleting()


lambda_handler = reservation_function("delete_reservation", handle)

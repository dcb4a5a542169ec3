"""DELETE /api/v2/reservations/{reservationID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import accepted
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Begin to delete a reservation."""
    wanted, organizations = call.path_parameters["reservationID"], call.values("organizationID")
    delete_reservation(call.services, call.caller, wanted, organizations)
    return accepted()


lambda_handler = reservation_function("delete_reservation", handle)

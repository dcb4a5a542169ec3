"""POST /api/v2/reservations/{reservationID}/maintenances/{maintenanceID}/allow."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.allow_maintenance import allow_maintenance
from gpu_capacity.reservations.api.replies import one
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Let a maintenance begin on the hosts of a reservation."""
    wanted, maintenance = call.path_parameters["reservationID"], call.path_parameters["maintenanceID"]
    organizations = call.values("organizationID")
    return one(allow_maintenance(call.services, call.caller, wanted, maintenance, organizations))


lambda_handler = reservation_function("allow_reservation_maintenance", handle)

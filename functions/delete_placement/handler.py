"""DELETE /api/v2/placements/{placementID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.reservations.api.replies import accepted
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Begin to delete a placement."""
    wanted, organizations = call.path_parameters["placementID"], call.values("organizationID")
    delete_placement(call.services, call.caller, wanted, organizations)
    return accepted()


lambda_handler = reservation_function("delete_placement", handle)

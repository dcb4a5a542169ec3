"""GET /api/v2/placements/{placementID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.replies import one
from gpu_capacity.placements.read import get_placement
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Return one placement."""
    wanted, organizations = call.path_parameters["placementID"], call.values("organizationID")
    return one(get_placement(call.services, call.caller, wanted, organizations))


lambda_handler = reservation_function("get_placement", handle)

"""PUT /api/v2/placements/{placementID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.replies import one, placement_spec
from gpu_capacity.placements.update import update_placement
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Change the image of a placement, or how its servers get it."""
    wanted, organizations = call.path_parameters["placementID"], call.values("organizationID")
    return one(update_placement(call.services, call.caller, wanted, placement_spec(call), organizations))


lambda_handler = reservation_function("update_placement", handle)

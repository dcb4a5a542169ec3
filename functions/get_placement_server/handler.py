"""GET /api/v2/placements/{placementID}/servers/{serverID}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.servers import server
from gpu_capacity.placements.servers import get_placement_server
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Return one server of a placement."""
    named = call.path_parameters["placementID"], call.path_parameters["serverID"]
    return server(get_placement_server(call.services, call.caller, *named, call.values("organizationID")))


lambda_handler = reservation_function("get_placement_server", handle)

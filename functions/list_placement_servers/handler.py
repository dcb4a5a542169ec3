"""GET /api/v2/placements/{placementID}/servers."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.servers import servers
from gpu_capacity.placements.servers import list_placement_servers
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Return the servers of a placement."""
    wanted, organizations = call.path_parameters["placementID"], call.values("organizationID")
    return servers(list_placement_servers(call.services, call.caller, wanted, organizations))


lambda_handler = reservation_function("list_placement_servers", handle)

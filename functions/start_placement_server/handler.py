"""POST /api/v2/placements/{placementID}/servers/{serverID}/start."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.act_on_server import power_placement_server
from gpu_capacity.providers.port import PowerAction
from gpu_capacity.reservations.api.replies import accepted
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Begin to start a server."""
    named = call.path_parameters["placementID"], call.path_parameters["serverID"]
    organizations = call.values("organizationID")
    power_placement_server(call.services, call.caller, *named, PowerAction.START, organizations)
    return accepted()


lambda_handler = reservation_function("start_placement_server", handle)

"""POST /api/v2/placements/{placementID}/servers/{serverID}/reboot."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.act_on_server import power_placement_server
from gpu_capacity.placements.api.servers import reboot_action
from gpu_capacity.reservations.api.replies import accepted
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Begin to reboot a server."""
    named = call.path_parameters["placementID"], call.path_parameters["serverID"]
    action, organizations = reboot_action(call), call.values("organizationID")
    power_placement_server(call.services, call.caller, *named, action, organizations)
    return accepted()


lambda_handler = reservation_function("reboot_placement_server", handle)

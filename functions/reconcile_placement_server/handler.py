"""POST /api/v2/placements/{placementID}/servers/{serverID}/reconcile."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.act_on_server import reconcile_placement_server
from gpu_capacity.reservations.api.replies import accepted
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Begin to give a server the image of its placement."""
    named = call.path_parameters["placementID"], call.path_parameters["serverID"]
    if_match, organizations = call.headers.get("if-match"), call.values("organizationID")
    reconcile_placement_server(call.services, call.caller, *named, if_match, organizations)
    return accepted()


lambda_handler = reservation_function("reconcile_placement_server", handle)

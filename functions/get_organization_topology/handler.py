"""GET /api/v2/organizations/{organizationID}/topology."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.topology.api.replies import topology, topology_filter
from gpu_capacity.topology.read import get_organization_topology


def handle(call: Call[Services]) -> Reply:
    """Return the topology that an organization sees."""
    organization = call.path_parameters["organizationID"]
    wanted = topology_filter(call)
    return topology(get_organization_topology(call.services, call.caller, organization, wanted))


lambda_handler = reservation_function("get_organization_topology", handle)

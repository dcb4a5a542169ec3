"""GET /v1/topology."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.topology.api.paths import named_in_headers, network_paths
from gpu_capacity.topology.paths import held_hosts


def handle(call: Call[Services]) -> Reply:
    """List the hosts of an organization with their way through the network."""
    organization, region = named_in_headers(call)
    return network_paths(call, held_hosts(call.services, call.caller, organization, region))


lambda_handler = reservation_function("list_network_paths", handle)

"""GET /v2/instances."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.topology.api.paths import instance_names, named_in_query
from gpu_capacity.topology.paths import held_hosts


def handle(call: Call[Services]) -> Reply:
    """List the hosts of an organization with the names that schedulers know them by."""
    organization, region = named_in_query(call)
    return instance_names(held_hosts(call.services, call.caller, organization, region))


lambda_handler = reservation_function("list_instance_names", handle)

"""GET /search."""

from gpu_capacity.http.call import OpenCall, Reply
from gpu_capacity.runtime.apis.vms import open_vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import offered
from gpu_capacity.vms.offers import offers_shown


def handle(call: OpenCall[Services]) -> Reply:
    """List the free slices of nodes."""
    return offered(call, offers_shown(call.services))


lambda_handler = open_vm_function("search_offers", handle)

"""GET /search."""

from gpu_capacity.http.call import OpenCall, Reply
from gpu_capacity.http.vm_replies import offered
from gpu_capacity.runtime.vm_functions import open_vm_function
from gpu_capacity.services.offers import offers_shown


def handle(call: OpenCall) -> Reply:
    """List what nodes could give now."""
    return offered(call, offers_shown(call.services))


lambda_handler = open_vm_function("search_offers", handle)

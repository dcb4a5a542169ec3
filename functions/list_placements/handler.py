"""GET /api/v2/placements."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.replies import many, placement_filter
from gpu_capacity.placements.read import list_placements
from gpu_capacity.reservations.api.replies import page_for
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the placements that the caller may see."""
    wanted = placement_filter(call)
    page = page_for(call, "placements", wanted)
    return many(page, list_placements(call.services, call.caller, wanted, page.window))


lambda_handler = reservation_function("list_placements", handle)

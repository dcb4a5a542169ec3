"""POST /api/v2/placements."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.replies import created, placement_request
from gpu_capacity.placements.create import create_placement
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Take hosts of a reservation, or, in a dry run, return the placement as it would be."""
    dry_run = call.flag("dryRun")
    observed = create_placement(
        call.services,
        call.caller,
        placement_request(call),
        idempotency_key=call.idempotency_key(),
        dry_run=dry_run,
    )
    return created(observed, dry_run=dry_run)


lambda_handler = reservation_function("create_placement", handle)

"""POST /api/v2/reservations."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import created, reservation_request
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Reserve contiguous units, or, in a dry run, return the reservation as it would be."""
    dry_run = call.flag("dryRun")
    observed = create_reservation(
        call.services,
        call.caller,
        reservation_request(call),
        idempotency_key=call.idempotency_key(),
        dry_run=dry_run,
    )
    return created(observed, dry_run=dry_run)


lambda_handler = reservation_function("create_reservation", handle)

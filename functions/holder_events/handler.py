"""GET …/{id}/events of every kind of holder, and GET /api/v2/usage."""

from gpu_capacity.history.api.replies import claim_events, placement_events, reservation_events, vm_events
from gpu_capacity.runtime.apis.history import history_function
from gpu_capacity.usage.api.replies import own_usage

lambda_handler = history_function(
    "holder_events",
    of_reservations={
        "list_reservation_events": reservation_events,
        "list_placement_events": placement_events,
        "list_usage": own_usage,
    },
    of_claims={"list_capacity_claim_events": claim_events},
    of_vms={"list_vm_events": vm_events},
)

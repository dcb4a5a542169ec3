"""GET …/{id}/events of every kind of holder."""

from gpu_capacity.history.api.replies import claim_events, placement_events, reservation_events, vm_events
from gpu_capacity.runtime.apis.history import history_function

lambda_handler = history_function(
    "holder_events",
    of_reservations={
        "list_reservation_events": reservation_events,
        "list_placement_events": placement_events,
    },
    of_claims={"list_capacity_claim_events": claim_events},
    of_vms={"list_vm_events": vm_events},
)

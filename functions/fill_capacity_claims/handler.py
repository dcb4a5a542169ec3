"""Event and schedule: serve waiting capacity claims, oldest first."""

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "fill_capacity_claims", lambda services, event: {"rounds": fill_zones(services, event.get("zones"))}
)

"""Event and schedule: serve those who wait for instances, oldest first."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.services.fill_queues import fill_zones

lambda_handler = task_function(
    "fill_capacity_claims", lambda services, event: {"rounds": fill_zones(services, event.get("zones"))}
)

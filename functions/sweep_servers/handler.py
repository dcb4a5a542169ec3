"""Workflow task: delete whatever server is left."""

from gpu_capacity.reservations.deprovisioning import sweep_servers
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "sweep_servers",
    lambda services, event: sweep_servers(services, event["organization"], event["reservation"]),
)

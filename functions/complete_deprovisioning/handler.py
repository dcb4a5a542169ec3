"""Workflow task: release the capacity and remove the record."""

from gpu_capacity.reservations.deprovisioning import complete_deprovisioning
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "complete_deprovisioning",
    lambda services, event: complete_deprovisioning(services, event["organization"], event["reservation"]),
)

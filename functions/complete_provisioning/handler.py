"""Workflow task: provisioning to provisioned."""

from gpu_capacity.reservations.provisioning import complete_provisioning
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "complete_provisioning",
    lambda services, event: complete_provisioning(services, event["organization"], event["reservation"]),
)

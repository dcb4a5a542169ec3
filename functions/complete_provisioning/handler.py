"""Workflow task: provisioning to provisioned."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.services.provisioning import complete_provisioning

lambda_handler = task_function(
    "complete_provisioning",
    lambda services, event: complete_provisioning(services, event["organization"], event["reservation"]),
)

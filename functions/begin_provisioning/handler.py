"""Workflow task: pending to provisioning."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.services.provisioning import begin_provisioning

lambda_handler = task_function(
    "begin_provisioning",
    lambda services, event: begin_provisioning(services, event["organization"], event["reservation"]),
)

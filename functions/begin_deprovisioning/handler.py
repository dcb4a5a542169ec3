"""Workflow task: fence, and stop the provisioning."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.services.deprovisioning import begin_deprovisioning

lambda_handler = task_function(
    "begin_deprovisioning",
    lambda services, event: begin_deprovisioning(services, event["organization"], event["reservation"]),
)

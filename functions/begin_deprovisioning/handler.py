"""Workflow task: fence, and stop the provisioning."""

from gpu_capacity.reservations.deprovisioning import begin_deprovisioning
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "begin_deprovisioning",
    lambda services, event: begin_deprovisioning(services, event["organization"], event["reservation"]),
)

"""Workflow task: pending to provisioning."""

from gpu_capacity.reservations.provisioning import begin_provisioning
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "begin_provisioning",
    lambda services, event: begin_provisioning(services, event["organization"], event["reservation"]),
)

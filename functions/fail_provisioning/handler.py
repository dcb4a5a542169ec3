"""Workflow task: release the capacity and show error."""

from gpu_capacity.reservations.provisioning import fail_provisioning
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "fail_provisioning",
    lambda services, event: fail_provisioning(services, event["organization"], event["reservation"]),
)

"""Workflow task: begin to undo, and note why."""

from gpu_capacity.reservations.provisioning import abandon_provisioning
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "abandon_provisioning",
    lambda services, event: abandon_provisioning(
        services, event["organization"], event["reservation"], event["message"]
    ),
)

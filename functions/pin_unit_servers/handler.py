"""Workflow task: one server on every host of one unit."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.services.provisioning import pin_unit_servers

lambda_handler = task_function(
    "pin_unit_servers",
    lambda services, event: pin_unit_servers(
        services, event["organization"], event["reservation"], event["position"]
    ),
)

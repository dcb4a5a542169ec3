"""Workflow task: one server on every host of one unit."""

from gpu_capacity.reservations.provisioning import pin_unit_servers
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "pin_unit_servers",
    lambda services, event: pin_unit_servers(
        services, event["organization"], event["reservation"], event["position"]
    ),
)

"""Workflow task: delete the servers of one unit."""

from gpu_capacity.reservations.deprovisioning import delete_unit_servers
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "delete_unit_servers",
    lambda services, event: delete_unit_servers(
        services, event["organization"], event["reservation"], event["position"]
    ),
)

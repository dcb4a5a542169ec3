"""Workflow task: whether all servers are up."""

from gpu_capacity.reservations.provisioning import check_servers
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "check_servers",
    lambda services, event: check_servers(services, event["organization"], event["reservation"]),
)

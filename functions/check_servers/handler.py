"""Workflow task: whether all servers are up."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.services.provisioning import check_servers

lambda_handler = task_function(
    "check_servers",
    lambda services, event: check_servers(services, event["organization"], event["reservation"]),
)

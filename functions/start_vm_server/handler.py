"""Workflow task: start the server of a run."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import start_vm_server

lambda_handler = task_function(
    "start_vm_server",
    lambda services, event: start_vm_server(services, event["organization"], event["vm"]),
)

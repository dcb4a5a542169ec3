"""Workflow task: take the server of a run away."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import sweep_vm_server

lambda_handler = task_function(
    "sweep_vm_server",
    lambda services, event: sweep_vm_server(services, event["organization"], event["vm"]),
)

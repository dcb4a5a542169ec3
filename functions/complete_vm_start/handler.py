"""Workflow task: starting to running when the server is up."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import complete_vm_start

lambda_handler = task_function(
    "complete_vm_start",
    lambda services, event: complete_vm_start(services, event["organization"], event["vm"]),
)

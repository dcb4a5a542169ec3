"""Workflow task: give the GPUs back and show failed."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import fail_vm_start

lambda_handler = task_function(
    "fail_vm_start",
    lambda services, event: fail_vm_start(services, event["organization"], event["vm"]),
)

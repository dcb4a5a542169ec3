"""Workflow task: wait out the notice, take the GPUs, creating to starting."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import begin_vm_start

lambda_handler = task_function(
    "begin_vm_start",
    lambda services, event: begin_vm_start(services, event["organization"], event["vm"]),
)

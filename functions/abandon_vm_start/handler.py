"""Workflow task: note why a start failed, and turn back."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import abandon_vm_start

lambda_handler = task_function(
    "abandon_vm_start",
    lambda services, event: abandon_vm_start(services, event["organization"], event["vm"], event["message"]),
)

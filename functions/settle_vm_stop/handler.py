"""Workflow task: settle a VM whose server is gone."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.lifecycle import settle_vm_stop

lambda_handler = task_function(
    "settle_vm_stop",
    lambda services, event: settle_vm_stop(services, event["organization"], event["vm"]),
)

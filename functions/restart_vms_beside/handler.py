"""Workflow task: restart interrupted VMs of the node that a VM has left."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.schedule import restart_vms_beside

lambda_handler = task_function(
    "restart_vms_beside",
    lambda services, event: {"restarted": restart_vms_beside(services, event["organization"], event["vm"])},
)

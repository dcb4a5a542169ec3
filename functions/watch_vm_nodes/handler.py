"""Schedule: make VMs offline whose nodes are lost, and bring them back."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.schedule import watch_vm_nodes

lambda_handler = task_function(
    "watch_vm_nodes", lambda services, _event: {"changed": watch_vm_nodes(services)}
)

"""Schedule: restart interrupted VMs that their nodes have room for, oldest first."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.schedule import restart_vms

lambda_handler = task_function("restart_vms", lambda services, _event: {"restarted": restart_vms(services)})

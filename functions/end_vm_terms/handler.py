"""Schedule: turn reserved VMs whose terms are over into on-demand ones."""

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.vms.schedule import end_vm_terms

lambda_handler = task_function("end_vm_terms", lambda services, _event: {"ended": end_vm_terms(services)})

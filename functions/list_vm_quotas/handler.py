"""GET /quotas."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for, vm_quotas
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.read_quotas import list_vm_quotas
from gpu_capacity.services.request_counts import Kind


def handle(call: Call) -> Reply:
    """List what the organization may have."""
    return vm_quotas(list_vm_quotas(call.services, call.caller, account_for(call)))


lambda_handler = vm_function("list_vm_quotas", Kind.READ, handle)

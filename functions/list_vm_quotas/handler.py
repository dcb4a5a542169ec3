"""GET /quotas."""

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import vm_quotas
from gpu_capacity.vms.list_quotas import list_vm_quotas


def handle(call: Call[Services]) -> Reply:
    """List the quotas on VMs of the account's organization."""
    return vm_quotas(list_vm_quotas(call.services, call.caller, account_for(call)))


lambda_handler = vm_function("list_vm_quotas", Kind.READ, handle)

"""POST /vms/{id}/stop."""

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import id_of, vm_reply
from gpu_capacity.vms.stop import stop_vm


def handle(call: Call[Services]) -> Reply:
    """Stop a running VM."""
    return vm_reply(call, stop_vm(call.services, call.caller, id_of(call), account_for(call)))


lambda_handler = vm_function("stop_vm", Kind.WRITE, handle)

"""POST /vms/{id}/start."""

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import id_of, vm_reply
from gpu_capacity.vms.start import start_vm


def handle(call: Call[Services]) -> Reply:
    """Start a stopped or interrupted VM."""
    return vm_reply(call, start_vm(call.services, call.caller, id_of(call), account_for(call)))


lambda_handler = vm_function("start_vm", Kind.WRITE, handle)

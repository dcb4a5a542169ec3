"""DELETE /vms/{id}."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for, id_of, vm_reply
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind
from gpu_capacity.services.vms import destroy_vm


def handle(call: Call) -> Reply:
    """Destroy a VM, for good."""
    return vm_reply(call, destroy_vm(call.services, call.caller, id_of(call), account_for(call)))


lambda_handler = vm_function("destroy_vm", Kind.WRITE, handle)

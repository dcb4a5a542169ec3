"""GET /vms/{id}."""

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import id_of, vm_shown
from gpu_capacity.vms.read import get_vm


def handle(call: Call[Services]) -> Reply:
    """Return one VM."""
    return vm_shown(call, get_vm(call.services, call.caller, id_of(call), account_for(call)))


lambda_handler = vm_function("get_vm", Kind.READ, handle)

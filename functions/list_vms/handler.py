"""GET /vms."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for, vm_page, vms_reply
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind
from gpu_capacity.services.vms import list_vms


def handle(call: Call) -> Reply:
    """List VMs of the organization, newest first."""
    page = vm_page(call)
    return vms_reply(call, page, list_vms(call.services, call.caller, account_for(call), page))


lambda_handler = vm_function("list_vms", Kind.READ, handle)

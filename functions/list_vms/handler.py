"""GET /vms."""

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import vm_page, vms_reply
from gpu_capacity.vms.read import list_vms


def handle(call: Call[Services]) -> Reply:
    """List the VMs of the account's organization, newest first."""
    page = vm_page(call)
    return vms_reply(call, page, list_vms(call.services, call.caller, account_for(call), page))


lambda_handler = vm_function("list_vms", Kind.READ, handle)

"""GET /vms."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_models import Page
from gpu_capacity.http.vm_replies import account_for, query_of, vms_reply
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.rate_limit import Kind
from gpu_capacity.services.vms import list_vms


def handle(call: Call) -> Reply:
    """List the VMs of the organization, newest first."""
    page = query_of(call.query, Page)
    found = list_vms(call.services, call.caller, account_for(call), page.limit, page.offset)
    return vms_reply(call, found)


lambda_handler = vm_function("list_vms", Kind.READ, handle)

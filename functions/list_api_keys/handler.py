"""GET /auth/api-keys."""

from gpu_capacity.http.account_replies import api_keys_reply
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.api_keys import list_api_keys
from gpu_capacity.services.request_counts import Kind


def handle(call: Call) -> Reply:
    """List the API keys of the account, oldest first."""
    return api_keys_reply(list_api_keys(call.services, call.caller, account_for(call)))


lambda_handler = vm_function("list_api_keys", Kind.READ, handle)

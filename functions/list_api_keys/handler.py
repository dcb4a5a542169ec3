"""GET /auth/api-keys."""

from gpu_capacity.accounts.api.replies import account_for, api_keys_reply
from gpu_capacity.accounts.api_keys import list_api_keys
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the API keys of the account, oldest first."""
    return api_keys_reply(list_api_keys(call.services, call.caller, account_for(call)))


lambda_handler = vm_function("list_api_keys", Kind.READ, handle)

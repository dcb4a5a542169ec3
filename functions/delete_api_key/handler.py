"""DELETE /auth/api-keys/{id}."""

from gpu_capacity.accounts.api.replies import account_for, api_key_reply
from gpu_capacity.accounts.api_keys import delete_api_key
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Revoke an API key of the account."""
    key_id = call.path_parameters["id"]
    return api_key_reply(delete_api_key(call.services, call.caller, account_for(call), key_id))


lambda_handler = vm_function("delete_api_key", Kind.WRITE, handle)

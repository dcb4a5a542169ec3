"""DELETE /auth/api-keys/{id}."""

from gpu_capacity.http.account_replies import api_key_reply
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.api_keys import delete_api_key
from gpu_capacity.services.request_counts import Kind


def handle(call: Call) -> Reply:
    """Take an API key off the account."""
    key_id = call.path_parameters["id"]
    return api_key_reply(delete_api_key(call.services, call.caller, account_for(call), key_id))


lambda_handler = vm_function("delete_api_key", Kind.WRITE, handle)

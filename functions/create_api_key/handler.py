"""POST /auth/api-key."""

from gpu_capacity.http.account_models import ApiKeyCreate
from gpu_capacity.http.account_replies import api_key_created
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.api_keys import create_api_key
from gpu_capacity.services.request_counts import Kind


def handle(call: Call) -> Reply:
    """Make an API key for the account."""
    body = call.body(ApiKeyCreate)
    key, record = create_api_key(call.services, call.caller, account_for(call), body.scopes, body.name)
    return api_key_created(key, record)


lambda_handler = vm_function("create_api_key", Kind.WRITE, handle)

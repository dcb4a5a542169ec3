"""POST /auth/api-key."""

from gpu_capacity.accounts.api.models import ApiKeyCreate
from gpu_capacity.accounts.api.replies import account_for, api_key_created
from gpu_capacity.accounts.api_keys import create_api_key
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Create an API key of the account."""
    body = call.body(ApiKeyCreate)
    key, record = create_api_key(call.services, call.caller, account_for(call), body.scopes, body.name)
    return api_key_created(key, record)


lambda_handler = vm_function("create_api_key", Kind.WRITE, handle)

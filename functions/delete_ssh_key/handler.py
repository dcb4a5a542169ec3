"""DELETE /ssh-keys/{id}."""

from gpu_capacity.accounts.api.replies import account_for, ssh_key_reply
from gpu_capacity.accounts.ssh_keys import delete_ssh_key
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import id_of


def handle(call: Call[Services]) -> Reply:
    """Remove an SSH key from the account."""
    return ssh_key_reply(delete_ssh_key(call.services, call.caller, account_for(call), id_of(call)))


lambda_handler = vm_function("delete_ssh_key", Kind.WRITE, handle)

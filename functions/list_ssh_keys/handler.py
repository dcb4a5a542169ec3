"""GET /ssh-keys."""

from gpu_capacity.accounts.api.replies import account_for, ssh_keys_reply
from gpu_capacity.accounts.ssh_keys import list_ssh_keys
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List the SSH keys of the account, oldest first."""
    return ssh_keys_reply(list_ssh_keys(call.services, call.caller, account_for(call)))


lambda_handler = vm_function("list_ssh_keys", Kind.READ, handle)

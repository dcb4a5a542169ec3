"""GET /ssh-keys."""

from gpu_capacity.http.account_replies import ssh_keys_reply
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind
from gpu_capacity.services.ssh_keys import list_ssh_keys


def handle(call: Call) -> Reply:
    """List the SSH keys of the account, oldest first."""
    return ssh_keys_reply(list_ssh_keys(call.services, call.caller, account_for(call)))


lambda_handler = vm_function("list_ssh_keys", Kind.READ, handle)

"""DELETE /ssh-keys/{id}."""

from gpu_capacity.http.account_replies import ssh_key_reply
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for, id_of
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind
from gpu_capacity.services.ssh_keys import delete_ssh_key


def handle(call: Call) -> Reply:
    """Take an SSH key off the account."""
    return ssh_key_reply(delete_ssh_key(call.services, call.caller, account_for(call), id_of(call)))


lambda_handler = vm_function("delete_ssh_key", Kind.WRITE, handle)

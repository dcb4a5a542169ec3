"""POST /ssh-keys."""

from gpu_capacity.http.account_models import SshKeyCreate
from gpu_capacity.http.account_replies import ssh_key_created
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.public_keys import accepted_public_key
from gpu_capacity.http.vm_replies import account_for
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind
from gpu_capacity.services.ssh_keys import add_ssh_key


def handle(call: Call) -> Reply:
    """Put an SSH key on the account."""
    body = call.body(SshKeyCreate)
    public = accepted_public_key(body.ssh_public_key)
    key = add_ssh_key(call.services, call.caller, account_for(call), body.label, public)
    return ssh_key_created(key)


lambda_handler = vm_function("create_ssh_key", Kind.WRITE, handle)

"""POST /ssh-keys."""

from gpu_capacity.accounts.api.models import SshKeyCreate
from gpu_capacity.accounts.api.public_keys import accepted_public_key
from gpu_capacity.accounts.api.replies import account_for, ssh_key_created
from gpu_capacity.accounts.ssh_keys import add_ssh_key
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Add an SSH key to the account."""
    body = call.body(SshKeyCreate)
    public = accepted_public_key(body.ssh_public_key)
    key = add_ssh_key(call.services, call.caller, account_for(call), body.label, public)
    return ssh_key_created(key)


lambda_handler = vm_function("create_ssh_key", Kind.WRITE, handle)

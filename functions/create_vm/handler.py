"""POST /vms."""

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.runtime.services import Services
from gpu_capacity.vms.api.replies import vm_created, vm_request
from gpu_capacity.vms.create import create_vm


def handle(call: Call[Services]) -> Reply:
    """Create a VM, or, in a dry run, return it as it would be."""
    dry_run = call.flag("dryRun")
    vm = create_vm(
        call.services,
        call.caller,
        vm_request(call),
        account_for(call),
        idempotency_key=call.idempotency_key(),
        dry_run=dry_run,
    )
    return vm_created(call, vm, dry_run=dry_run)


lambda_handler = vm_function("create_vm", Kind.WRITE, handle)

"""POST /vms."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.vm_replies import account_for, vm_created, vm_request
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind
from gpu_capacity.services.vms import create_vm


def handle(call: Call) -> Reply:
    """Rent a slice of a node, or say what would be rented."""
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

"""Workflow steps of a VM: its start, the undo of that, and its end."""

from gpu_capacity.runtime.functions import step, steps_function
from gpu_capacity.vms import lifecycle
from gpu_capacity.vms.schedule import restart_vms_beside

IT = ("organization", "vm")

lambda_handler = steps_function(
    "vm_steps",
    {
        "begin_vm_start": step(lifecycle.begin_vm_start, *IT),
        "start_vm_server": step(lifecycle.start_vm_server, *IT),
        "complete_vm_start": step(lifecycle.complete_vm_start, *IT),
        "abandon_vm_start": step(lifecycle.abandon_vm_start, *IT, "message"),
        "sweep_vm_server": step(lifecycle.sweep_vm_server, *IT),
        "fail_vm_start": step(lifecycle.fail_vm_start, *IT),
        "settle_vm_stop": step(lifecycle.settle_vm_stop, *IT),
        "restart_vms_beside": lambda services, event: {
            "restarted": restart_vms_beside(services, event["organization"], event["vm"])
        },
    },
)

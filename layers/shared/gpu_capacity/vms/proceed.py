"""What a request does after it changed a VM: write an audit line, and start the workflow.

Every change is decided on a fresh read. The write demands that all of it still holds: the record's status and
revision, the owners of the node's GPUs, and the status of every VM that has to leave. After a lost race the
change is decided anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.holders.workflows import start_workflow

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.holders.roles import HasQuotas, HasRepeats, HasVmProvider
    from gpu_capacity.vms.record import Vm
    from gpu_capacity.vms.schedule import Needs as VmScheduleNeeds

    class Needs(VmScheduleNeeds, HasAccounts, HasQuotas, HasRepeats, HasVmProvider, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Attempts of a request to write a VM before it answers "try again". All its rivals are on one node."""


def unsettled(services: Needs, vm: Vm) -> Vm:
    """The VM marked as unsettled, with the number of the next workflow execution."""
    return replace(vm, unsettled_since=services.clock.now(), attempt=vm.attempt + 1)


def proceed(services: Needs, caller: Caller, action: str, vm: Vm) -> Vm:
    """Write the audit line of a change that a request made, and start the workflow that settles it."""
    services.telemetry.audit(
        caller.subject, action, vm.id, "accepted", organization=vm.organization_id, node=vm.node
    )
    start_workflow(services, vm)
    return vm

"""Where each state machine goes after each outcome of a step, written once and checked against the
definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.settle import Step
from testkit.doubles import FakeClock
from testkit.state_machine import Execution
from testkit.workflow.definitions import definition

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY: Final = "any"
"""Stands for the answer of a step that nobody branches on."""

# (machine, step, outcome) to the next task, or to the state in which the execution ends.
ROUTES: Mapping[tuple[str, str, str], str] = {
    ("provision", "begin_provisioning", "proceed"): "PinUnitServers",
    ("provision", "begin_provisioning", "undo"): "DeleteUnitServers",
    ("provision", "begin_provisioning", "superseded"): "Superseded",
    ("provision", "pin_unit_servers", "pinned"): "CheckServers",
    ("provision", "pin_unit_servers", "failed"): "AbandonProvisioning",
    ("provision", "pin_unit_servers", "fenced"): "AbandonProvisioning",
    ("provision", "check_servers", "ready"): "CompleteProvisioning",
    ("provision", "check_servers", "waiting"): "CheckServers",
    ("provision", "check_servers", "failed"): "AbandonProvisioning",
    ("provision", "check_servers", "superseded"): "Superseded",
    ("provision", "complete_provisioning", "provisioned"): "Provisioned",
    ("provision", "complete_provisioning", "superseded"): "Provisioned",
    ("provision", "abandon_provisioning", "undo"): "DeleteUnitServers",
    ("provision", "abandon_provisioning", "superseded"): "Superseded",
    ("provision", "delete_unit_servers", "deleting"): "SweepServers",
    ("provision", "delete_unit_servers", "superseded"): "SweepServers",
    ("provision", "sweep_servers", "clear"): "FailProvisioning",
    ("provision", "sweep_servers", "waiting"): "SweepServers",
    ("provision", "sweep_servers", "overdue"): "Unfinished",
    ("provision", "sweep_servers", "superseded"): "Superseded",
    ("provision", "fail_provisioning", "failed"): "Undone",
    ("provision", "fail_provisioning", "waiting"): "SweepServers",
    ("provision", "fail_provisioning", "superseded"): "Undone",
    ("deprovision", "begin_deprovisioning", "proceed"): "DeleteUnitServers",
    ("deprovision", "begin_deprovisioning", "superseded"): "Superseded",
    ("deprovision", "delete_unit_servers", "deleting"): "SweepServers",
    ("deprovision", "delete_unit_servers", "superseded"): "SweepServers",
    ("deprovision", "sweep_servers", "clear"): "CompleteDeprovisioning",
    ("deprovision", "sweep_servers", "waiting"): "SweepServers",
    ("deprovision", "sweep_servers", "overdue"): "Unfinished",
    ("deprovision", "sweep_servers", "superseded"): "Superseded",
    ("deprovision", "complete_deprovisioning", "gone"): "Gone",
    ("deprovision", "complete_deprovisioning", "waiting"): "SweepServers",
    ("deprovision", "complete_deprovisioning", "superseded"): "Gone",
    ("start_vm", "begin_vm_start", "proceed"): "StartVmServer",
    ("start_vm", "begin_vm_start", "waiting"): "BeginVmStart",
    ("start_vm", "begin_vm_start", "failed"): "AbandonVmStart",
    ("start_vm", "begin_vm_start", "undo"): "SweepVmServer",
    ("start_vm", "begin_vm_start", "superseded"): "Superseded",
    ("start_vm", "start_vm_server", "started"): "CompleteVmStart",
    ("start_vm", "start_vm_server", "waiting"): "StartVmServer",
    ("start_vm", "start_vm_server", "failed"): "AbandonVmStart",
    ("start_vm", "start_vm_server", "superseded"): "Superseded",
    ("start_vm", "complete_vm_start", "running"): "Running",
    ("start_vm", "complete_vm_start", "waiting"): "CompleteVmStart",
    ("start_vm", "complete_vm_start", "failed"): "AbandonVmStart",
    ("start_vm", "complete_vm_start", "superseded"): "Superseded",
    ("start_vm", "abandon_vm_start", "undo"): "SweepVmServer",
    ("start_vm", "abandon_vm_start", "again"): "AbandonVmStart",
    ("start_vm", "abandon_vm_start", "superseded"): "Superseded",
    ("start_vm", "sweep_vm_server", "gone"): "FailVmStart",
    ("start_vm", "sweep_vm_server", "waiting"): "SweepVmServer",
    ("start_vm", "sweep_vm_server", "superseded"): "Superseded",
    ("start_vm", "fail_vm_start", "failed"): "RestartVmsBeside",
    ("start_vm", "fail_vm_start", "waiting"): "SweepVmServer",
    ("start_vm", "fail_vm_start", "superseded"): "Superseded",
    ("start_vm", "restart_vms_beside", ANY): "Failed",
    ("stop_vm", "sweep_vm_server", "gone"): "SettleVmStop",
    ("stop_vm", "sweep_vm_server", "waiting"): "SweepVmServer",
    ("stop_vm", "sweep_vm_server", "superseded"): "Superseded",
    ("stop_vm", "settle_vm_stop", "settled"): "RestartVmsBeside",
    ("stop_vm", "settle_vm_stop", "waiting"): "SweepVmServer",
    ("stop_vm", "settle_vm_stop", "superseded"): "Superseded",
    ("stop_vm", "restart_vms_beside", ANY): "Done",
    ("settle_placement", "settle_placement", "again"): "Settle",
    ("settle_placement", "settle_placement", "waiting"): "Settle",
    ("settle_placement", "settle_placement", "done"): "Done",
    ("settle_placement", "settle_placement", "overdue"): "Unfinished",
    # After any outcome of a capacity claim's round but "again" nothing is left that can be done at once.
    **{
        ("settle_claim", "settle_capacity_claim", round_.value): "Settle" if round_ is Step.AGAIN else "Done"
        for round_ in Step
    },
}

# The outcomes that lead to each step; the machine is driven there first.
USUAL: Mapping[str, str] = {
    "begin_provisioning": "proceed",
    "pin_unit_servers": "pinned",
    "check_servers": "ready",
    "begin_deprovisioning": "proceed",
    "delete_unit_servers": "deleting",
    "sweep_servers": "clear",
    "begin_vm_start": "proceed",
    "start_vm_server": "started",
    "sweep_vm_server": "gone",
    "settle_vm_stop": "settled",
}
UNDO: Mapping[str, str] = {
    **USUAL,
    "pin_unit_servers": "failed",
    "abandon_provisioning": "undo",
    "start_vm_server": "failed",
    "abandon_vm_start": "undo",
    "fail_vm_start": "failed",
}
TURNED_BACK: Mapping[str, frozenset[str]] = {
    "provision": frozenset(
        {"abandon_provisioning", "delete_unit_servers", "sweep_servers", "fail_provisioning"}
    ),
    "start_vm": frozenset({"abandon_vm_start", "sweep_vm_server", "fail_vm_start", "restart_vms_beside"}),
}
"""By machine the steps that it only comes to once it takes back what was done."""


def states_until_work(machine: str, step: str, outcome: str) -> str:
    """The task after ``step`` returned ``outcome``, or the last state if there is none."""
    turned_back = step in TURNED_BACK.get(machine, ())
    usual = {**(UNDO if turned_back else USUAL), step: outcome}
    answered: list[str] = []

    def answer(_function: str, task: Any) -> dict[str, Any]:
        answered.append(task["step"])
        return {"outcome": usual[task["step"]], "units": [7], "message": "a message", "seconds": 0}

    clock = FakeClock()
    payload = {"organization": "o", "reservation": "r", "claim": "c", "vm": "v", "placement": "p"}
    execution = Execution(definition(machine), payload, answer, clock, clock.advance)
    point = execution.advance()
    while point is not None:
        point = execution.advance()
        if answered[-1] == step:
            return point or execution.visited[-1]
    raise AssertionError(f"{step} was never reached")

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
    ("provision", "provision_reservation", "again"): "Provision",
    ("provision", "provision_reservation", "waiting"): "Provision",
    ("provision", "provision_reservation", "done"): "Done",
    ("provision", "provision_reservation", "unfinished"): "Unfinished",
    ("provision", "provision_reservation", "superseded"): "Done",
    ("deprovision", "release_reservation", "again"): "Release",
    ("deprovision", "release_reservation", "waiting"): "Release",
    ("deprovision", "release_reservation", "done"): "Done",
    ("deprovision", "release_reservation", "unfinished"): "Unfinished",
    ("deprovision", "release_reservation", "superseded"): "Done",
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
    ("settle_placement", "settle_placement", "unfinished"): "Unfinished",
    ("settle_placement", "settle_placement", "superseded"): "Done",
    # After any outcome of a capacity claim's round but "again" nothing is left that can be done at once.
    **{
        ("settle_claim", "settle_capacity_claim", round_.value): "Settle" if round_ is Step.AGAIN else "Done"
        for round_ in Step
    },
}

# The outcomes that lead to each step; the machine is driven there first.
USUAL: Mapping[str, str] = {
    "begin_vm_start": "proceed",
    "start_vm_server": "started",
    "sweep_vm_server": "gone",
    "settle_vm_stop": "settled",
}
UNDO: Mapping[str, str] = {
    **USUAL,
    "start_vm_server": "failed",
    "abandon_vm_start": "undo",
    "fail_vm_start": "failed",
}
TURNED_BACK: Mapping[str, frozenset[str]] = {
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
        return {"outcome": usual[task["step"]], "message": "a message", "seconds": 0}

    clock = FakeClock()
    payload = {"organization": "o", "reservation": "r", "claim": "c", "vm": "v", "placement": "p"}
    execution = Execution(definition(machine), payload, answer, clock, clock.advance)
    point = execution.advance()
    while point is not None:
        point = execution.advance()
        if answered[-1] == step:
            return point or execution.visited[-1]
    raise AssertionError(f"{step} was never reached")

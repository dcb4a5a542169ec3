"""Where each machine goes with each answer of a step: written down once, and held against the definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.services.settle_claim import Step
from tests.fakes.state_machine import Execution
from tests.support.fakes import FakeClock
from tests.workflow.definitions import all_states, definition

if TYPE_CHECKING:
    from collections.abc import Mapping

# (machine, function, outcome) to the next task, or to the state that the execution ends in.
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
    # Whatever a round of a capacity claim comes to but "again", nothing is left that can be done at once.
    **{
        ("settle", "settle_capacity_claim", round_.value): "Settle" if round_ is Step.AGAIN else "Done"
        for round_ in Step
    },
}

# The answers that lead to each step; the machine is driven there first.
USUAL: Mapping[str, str] = {
    "begin_provisioning": "proceed",
    "pin_unit_servers": "pinned",
    "check_servers": "ready",
    "begin_deprovisioning": "proceed",
    "delete_unit_servers": "deleting",
    "sweep_servers": "clear",
}
UNDO: Mapping[str, str] = {**USUAL, "pin_unit_servers": "failed", "abandon_provisioning": "undo"}


def states_until_work(machine: str, function: str, outcome: str) -> str:
    """The task after ``function`` answered ``outcome``, or the last state when there is none."""
    usual = {**(UNDO if _is_undone(machine, function) else USUAL), function: outcome}
    answered: list[str] = []

    def answer(resource: str, _payload: Any) -> dict[str, Any]:
        answered.append(resource)
        return {"outcome": usual[resource], "units": [7], "message": "a message"}

    clock = FakeClock()
    payload = {"organization": "o", "reservation": "r", "claim": "c"}
    execution = Execution(definition(machine), payload, answer, clock, clock.advance)
    point = execution.advance()
    while point is not None:
        point = execution.advance()
        if answered[-1] == function:
            return point or execution.visited[-1]
    raise AssertionError(f"{function} was never reached")


def _is_undone(machine: str, function: str) -> bool:
    undo = {"abandon_provisioning", "delete_unit_servers", "sweep_servers", "fail_provisioning"}
    used = {state["Resource"] for _, state, _ in all_states(definition(machine)) if state["Type"] == "Task"}
    return machine == "provision" and function in undo & used

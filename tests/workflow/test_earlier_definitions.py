"""An execution that began before an upgrade has the definition of that version, and ends at its next step.

``earlier`` has the definitions of the version before holds: a task for each of many small steps.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.reservations.record import Status
from gpu_capacity.reservations.retired import STEPS, superseded
from testkit.doubles import FakeClock
from testkit.state_machine import Execution, ExecutionStatus
from testkit.state_machine_definition import parse, substitute
from testkit.workflow import stage as staging
from testkit.workflow.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).parent / "earlier"
FILLED_IN: Final = {
    "PollSeconds": "5",
    "UnitConcurrency": "8",
    "ReservationStepsFunctionArn": "reservation_steps",
}

# What the steps of that version answered: on the usual way, and where a server failed.
USUAL: Final = {
    "begin_provisioning": "proceed",
    "pin_unit_servers": "pinned",
    "check_servers": "ready",
    "complete_provisioning": "provisioned",
    "begin_deprovisioning": "proceed",
    "delete_unit_servers": "deleting",
    "sweep_servers": "clear",
    "complete_deprovisioning": "gone",
}
UNDO: Final = {
    **USUAL,
    "check_servers": "failed",
    "abandon_provisioning": "undo",
    "fail_provisioning": "failed",
}
WAYS: Final = {
    "provision": ("provision", USUAL),
    "undo": ("provision", UNDO),
    "deprovision": ("deprovision", USUAL),
}


def _definition(machine: str) -> dict[str, Any]:
    text = (FOLDER / f"{machine}_reservation.asl.json").read_text(encoding="utf-8")
    return parse(substitute(text, FILLED_IN))


def _run(machine: str, answers: Mapping[str, str], upgraded_after: int) -> tuple[Execution, list[str]]:
    """An execution whose first steps ran before the upgrade, and its steps."""
    taken: list[str] = []

    def answer(_function: str, task: Any) -> dict[str, Any]:
        taken.append(task["step"])
        if len(taken) > upgraded_after:
            return superseded(None)
        return {"outcome": answers[task["step"]], "units": [3, 4], "message": "a message"}

    clock = FakeClock()
    payload = {"organization": "o", "reservation": "r"}
    execution = Execution(_definition(machine), payload, answer, clock, clock.advance)
    execution.run()
    return execution, taken


@pytest.mark.parametrize("way", WAYS)
def test_wherever_it_is_at_the_upgrade_an_execution_ends_well(way: str) -> None:
    machine, answers = WAYS[way]
    seen: set[str] = set()
    for upgraded_after in count():
        execution, taken = _run(machine, answers, upgraded_after)
        assert execution.status is ExecutionStatus.SUCCEEDED, upgraded_after
        seen |= set(taken)
        if len(taken) <= upgraded_after:
            break
    assert seen <= set(STEPS)


def test_the_ways_have_every_step_of_that_version() -> None:
    seen = {step for machine, answers in WAYS.values() for step in _run(machine, answers, 99)[1]}
    assert seen == set(STEPS)


@pytest.mark.parametrize("deleted", [False, True])
def test_the_next_attempt_goes_on_with_the_definition_of_this_version(
    monkeypatch: pytest.MonkeyPatch, *, deleted: bool
) -> None:
    stage = Stage()
    with monkeypatch.context() as earlier:
        earlier.setattr(staging, "definition", _definition)
        reservation = stage.reserve()
        if deleted:
            stage.delete(reservation)
    stage.run_all()
    machine = "deprovision" if deleted else "provision"
    assert stage.execution(machine, reservation).visited[-1] == "Superseded"
    assert stage.status(reservation) is (Status.DEPROVISIONING if deleted else Status.PENDING)
    assert stage.settle(reservation) == 1
    assert stage.status(reservation) is (None if deleted else Status.PROVISIONED)
    stage.check_settled()

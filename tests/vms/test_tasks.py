"""Every event file of the VM workflows and schedules through the real handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from testkit.handlers import sample_events
from testkit.handlers.stage import Stage
from tests.vms import given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLOCK: Final = "scheduled"

CASES: Final[tuple[tuple[str, str, Callable[[Stage], None], str | int], ...]] = (
    ("vm_steps", "begin_vm_start", given.created, "proceed"),
    ("vm_steps", "begin_vm_start", given.begun, "proceed"),
    ("vm_steps", "begin_vm_start", given.given_notice, "waiting"),
    ("vm_steps", "begin_vm_start", given.over, "proceed"),
    ("vm_steps", "begin_vm_start", given.given_up, "undo"),
    ("vm_steps", "begin_vm_start", given.destroyed, "superseded"),
    ("vm_steps", "begin_vm_start_gone", given.created, "superseded"),
    ("vm_steps", "start_vm_server", given.begun, "started"),
    ("vm_steps", "start_vm_server", given.served, "started"),
    ("vm_steps", "start_vm_server", given.vacating, "waiting"),
    ("vm_steps", "start_vm_server", given.destroyed, "superseded"),
    ("vm_steps", "start_vm_server_gone", given.begun, "superseded"),
    ("vm_steps", "complete_vm_start", given.served, "waiting"),
    ("vm_steps", "complete_vm_start", given.up, "running"),
    ("vm_steps", "complete_vm_start", given.running, "running"),
    ("vm_steps", "complete_vm_start", given.late, "failed"),
    ("vm_steps", "complete_vm_start_gone", given.up, "superseded"),
    ("vm_steps", "abandon_vm_start_server_failed", given.served, "undo"),
    ("vm_steps", "abandon_vm_start_server_failed", given.given_notice, "undo"),
    ("vm_steps", "abandon_vm_start_server_failed", given.given_up, "undo"),
    ("vm_steps", "abandon_vm_start_server_failed", given.destroyed, "superseded"),
    ("vm_steps", "abandon_vm_start_gone", given.served, "superseded"),
    ("vm_steps", "sweep_vm_server", given.given_up, "waiting"),
    ("vm_steps", "sweep_vm_server", given.stopping_and_swept, "gone"),
    ("vm_steps", "sweep_vm_server", given.destroyed_and_swept, "gone"),
    ("vm_steps", "sweep_vm_server", given.running, "superseded"),
    ("vm_steps", "sweep_vm_server_gone", given.created, "superseded"),
    ("vm_steps", "fail_vm_start", given.given_up, "waiting"),
    ("vm_steps", "fail_vm_start", given.given_up_and_swept, "failed"),
    ("vm_steps", "fail_vm_start", given.running, "superseded"),
    ("vm_steps", "fail_vm_start_gone", given.created, "superseded"),
    ("vm_steps", "settle_vm_stop", given.stopping, "waiting"),
    ("vm_steps", "settle_vm_stop", given.stopping_and_swept, "settled"),
    ("vm_steps", "settle_vm_stop", given.destroyed_and_swept, "settled"),
    ("vm_steps", "settle_vm_stop", given.running, "superseded"),
    ("vm_steps", "settle_vm_stop_gone", given.created, "superseded"),
    ("vm_steps", "restart_vms_beside", given.left, 1),
    ("vm_steps", "restart_vms_beside", given.running, 0),
    ("vm_steps", "restart_vms_beside_gone", given.created, 0),
    ("restart_vms", _CLOCK, given.left, 1),
    ("restart_vms", _CLOCK, given.running, 0),
    ("end_vm_terms", _CLOCK, given.term_over, 1),
    ("end_vm_terms", _CLOCK, given.reserved, 0),
    ("watch_vm_nodes", _CLOCK, given.offline, 1),
    ("watch_vm_nodes", _CLOCK, given.running, 0),
)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(monkeypatch)
    yield stage
    stage.restart()


@pytest.mark.parametrize(("function", "case", "before", "expected"), CASES)
def test_a_task_event_returns_its_outcome_and_a_repetition_changes_nothing(
    function: str, case: str, before: Callable[[Stage], None], expected: str | int, stage: Stage
) -> None:
    before(stage)
    answer: dict[str, Any] = stage.run_event(function, case)
    assert expected in answer.values()
    if isinstance(expected, int):
        return
    stored = stage.db.dump()
    again = stage.run_event(function, case)["outcome"]
    assert again in {expected, "superseded"}
    assert stage.db.dump() == stored


def test_every_event_file_of_these_functions_has_an_expected_outcome() -> None:
    expected = {(function, case) for function, case, _, _ in CASES}
    here = {function for function, _ in expected}
    assert expected == {pair for pair in sample_events.cases() if pair[0] in here}

"""Every event file of the VM workflows and schedules through the real handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from testkit.handlers import sample_events
from testkit.handlers.stage import Stage
from tests.vms import given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_IT, _NONE, _CLOCK = "vm", "vm_gone", "scheduled"

CASES: Final[tuple[tuple[str, str, Callable[[Stage], None], str | int], ...]] = (
    ("begin_vm_start", _IT, given.created, "proceed"),
    ("begin_vm_start", _IT, given.begun, "proceed"),
    ("begin_vm_start", _IT, given.told, "waiting"),
    ("begin_vm_start", _IT, given.over, "proceed"),
    ("begin_vm_start", _IT, given.given_up, "undo"),
    ("begin_vm_start", _IT, given.destroyed, "superseded"),
    ("begin_vm_start", _NONE, given.created, "superseded"),
    ("start_vm_server", _IT, given.begun, "started"),
    ("start_vm_server", _IT, given.served, "started"),
    ("start_vm_server", _IT, given.vacating, "waiting"),
    ("start_vm_server", _IT, given.destroyed, "superseded"),
    ("start_vm_server", _NONE, given.begun, "superseded"),
    ("complete_vm_start", _IT, given.served, "waiting"),
    ("complete_vm_start", _IT, given.up, "running"),
    ("complete_vm_start", _IT, given.running, "running"),
    ("complete_vm_start", _IT, given.late, "failed"),
    ("complete_vm_start", _NONE, given.up, "superseded"),
    ("abandon_vm_start", "server_failed", given.served, "undo"),
    ("abandon_vm_start", "server_failed", given.told, "undo"),
    ("abandon_vm_start", "server_failed", given.given_up, "undo"),
    ("abandon_vm_start", "server_failed", given.destroyed, "superseded"),
    ("abandon_vm_start", _NONE, given.served, "superseded"),
    ("sweep_vm_server", _IT, given.given_up, "waiting"),
    ("sweep_vm_server", _IT, given.stopping_and_swept, "gone"),
    ("sweep_vm_server", _IT, given.destroyed_and_swept, "gone"),
    ("sweep_vm_server", _IT, given.running, "superseded"),
    ("sweep_vm_server", _NONE, given.created, "superseded"),
    ("fail_vm_start", _IT, given.given_up, "waiting"),
    ("fail_vm_start", _IT, given.given_up_and_swept, "failed"),
    ("fail_vm_start", _IT, given.running, "superseded"),
    ("fail_vm_start", _NONE, given.created, "superseded"),
    ("settle_vm_stop", _IT, given.stopping, "waiting"),
    ("settle_vm_stop", _IT, given.stopping_and_swept, "settled"),
    ("settle_vm_stop", _IT, given.destroyed_and_swept, "settled"),
    ("settle_vm_stop", _IT, given.running, "superseded"),
    ("settle_vm_stop", _NONE, given.created, "superseded"),
    ("restart_vms_beside", _IT, given.left, 1),
    ("restart_vms_beside", _IT, given.running, 0),
    ("restart_vms_beside", _NONE, given.created, 0),
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
def test_a_task_event_is_answered_with_its_outcome_and_a_repetition_changes_nothing(
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


def test_every_event_file_of_these_functions_is_expected() -> None:
    expected = {(function, case) for function, case, _, _ in CASES}
    here = {function for function, _ in expected}
    assert expected == {pair for pair in sample_events.cases() if pair[0] in here}

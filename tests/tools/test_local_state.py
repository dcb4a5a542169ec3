"""What the launcher knows about the previous run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tools.local_stack.state import State

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path)
    made.emulator.mkdir()
    return made


def saved(state: State, *, seconds_after_start: int) -> None:
    started = state.started.stat().st_mtime_ns
    state.tables.write_text("{}")
    os.utime(state.tables, ns=(started, started + seconds_after_start * 1_000_000_000))


def test_nothing_is_lost_before_the_first_run(state: State) -> None:
    assert not state.note_start()


def test_a_first_run_that_was_killed_lost_everything(state: State) -> None:
    state.note_start()

    assert state.note_start()


def test_a_run_that_saved_its_tables_lost_nothing(state: State) -> None:
    state.note_start()
    saved(state, seconds_after_start=10)

    assert not state.note_start()


def test_a_later_run_that_was_killed_lost_its_changes(state: State) -> None:
    state.note_start()
    saved(state, seconds_after_start=-10)

    assert state.note_start()

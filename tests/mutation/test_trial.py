"""What the end of a trial's process says about its mutant."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tools.mutation import mutants, settings, trial
from tools.mutation.trial import Running, ToolBroken, Verdict

if TYPE_CHECKING:
    from pathlib import Path

MUTANT = mutants.find(settings.PACKAGE / "placement" / "model.py")[0]
NOTICED = 'FAILED\n{"by": "tests/a.py::test_b"}\n'


def _exited(code: int) -> int:
    return code << 8


@pytest.fixture
def running(tmp_path: Path) -> Running:
    output = tmp_path / "output"
    output.write_text(NOTICED)
    return Running(MUTANT, wave=0, again=False, pid=1, output=output, ends=0.0)


def test_tests_that_pass_have_not_noticed(running: Running) -> None:
    assert trial.outcome(running, _exited(pytest.ExitCode.OK)) == (Verdict.SURVIVED, "")


def test_a_test_that_fails_has_noticed(running: Running) -> None:
    found = trial.outcome(running, _exited(pytest.ExitCode.TESTS_FAILED))

    assert found == (Verdict.KILLED, "tests/a.py::test_b")


@pytest.mark.parametrize("text", ["", "ImportError", '{"by": ""}'])
def test_a_project_that_cannot_be_imported_is_noticed_too(running: Running, text: str) -> None:
    running.output.write_text(text)

    assert trial.outcome(running, _exited(pytest.ExitCode.INTERRUPTED)) == (Verdict.KILLED, "import")


@pytest.mark.parametrize("number", [signal.SIGPROF, signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_had_to_be_ended_hung(running: Running, number: signal.Signals) -> None:
    assert trial.outcome(running, number) == (Verdict.TIMEOUT, "")


@pytest.mark.parametrize("code", [70, 3, 4, 5])
def test_tests_that_did_not_run_prove_nothing(running: Running, code: int) -> None:
    with pytest.raises(ToolBroken, match="FAILED"):
        trial.outcome(running, _exited(code))


def test_a_process_that_may_only_have_waited_for_its_turn_gets_another(running: Running) -> None:
    assert trial.was_starved(running, signal.SIGKILL)
    assert not trial.was_starved(running, signal.SIGPROF)
    running.again = True
    assert not trial.was_starved(running, signal.SIGKILL)


def test_what_a_process_prints_is_in_its_file(tmp_path: Path) -> None:
    def body() -> int:
        os.write(1, b"said in the other process")
        return 7

    pid = trial.fork(body, tmp_path / "output")
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    assert (tmp_path / "output").read_text() == "said in the other process"

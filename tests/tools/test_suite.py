"""How all tests are run, with scripts in place of pytest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tools.suite import LOWEST_PRIORITY, NO_TESTS, ROOT, main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PYTEST = """\
#!/bin/sh
case "$*" in
  *--ignore*) part=rest ;;
  *tests/benchmarks*) part=benchmarks ;;
  *tests/contract/providers*) part=ironic ;;
  *) part=story ;;
esac
echo "$part begins" >>"{log}"
printf '%s\\n' "$*" >"{folder}/$part.arguments"
{body}
"""


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def venvs(tmp_path: Path) -> Callable[[str], Path]:
    """Environments whose pytest is this script."""

    def make(body: str = "") -> Path:
        for name in ("dev", "bench"):
            script = tmp_path / name / "bin" / "pytest"
            script.parent.mkdir(parents=True)
            script.write_text(PYTEST.format(log=tmp_path / "log", folder=tmp_path, body=body))
            script.chmod(0o755)
        return tmp_path

    return make


def test_the_suite_runs_the_story_and_all_other_tests_with_the_given_arguments(
    venvs: Callable[[str], Path],
) -> None:
    folder = venvs("")

    assert main([str(folder), "-k", "some name"]) == 0

    assert (folder / "story.arguments").read_text().endswith(" tests/e2e -k some name\n")
    story = "tests/e2e tests/contract/providers -k some name\n"
    assert (folder / "ironic.arguments").read_text() == f"-m ironic {story}"
    assert "-m not ironic" in (folder / "story.arguments").read_text()
    assert " -m not ironic " in (folder / "rest.arguments").read_text()
    assert (folder / "rest.arguments").read_text().endswith(" tests -k some name\n")
    assert (folder / "benchmarks.arguments").read_text().endswith(" tests/benchmarks -k some name\n")


def test_the_story_has_priority_over_the_other_tests(venvs: Callable[[str], Path]) -> None:
    """The priority is set once a process runs, so its first moments may have another one."""
    folder = venvs("sleep 0.2; nice >$(dirname $0)/../../$part.later")

    assert main([str(folder)]) == 0

    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert int((folder / "story.later").read_text()) == own
    assert int((folder / "ironic.later").read_text()) == own
    assert int((folder / "rest.later").read_text()) == LOWEST_PRIORITY
    assert int((folder / "benchmarks.later").read_text()) == LOWEST_PRIORITY


def test_the_story_and_the_tests_with_ironic_are_reported_when_they_are_over(
    venvs: Callable[[str], Path], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = venvs("echo $part; echo trouble in $part >&2; [ $part = story -o $part = ironic ] || sleep 0.1")

    assert main([str(folder)]) == 0

    output, trouble = capfdbinary.readouterr()
    assert output.splitlines() == [
        *(b"rest", b"benchmarks"),
        *(b"story", b"trouble in story", b"ironic", b"trouble in ironic"),
    ]
    assert trouble.splitlines() == [b"trouble in rest", b"trouble in benchmarks"]


@pytest.mark.parametrize("part", ["story", "ironic", "rest", "benchmarks"])
@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_the_suite_fails_if_any_part_fails_and_still_runs_the_others(
    venvs: Callable[[str], Path], part: str, code: int
) -> None:
    folder = venvs(f"[ $part != {part} ] || exit {code}")

    assert main([str(folder)]) == 1
    assert sorted((folder / "log").read_text().splitlines()) == [
        "benchmarks begins",
        "ironic begins",
        "rest begins",
        "story begins",
    ]


def test_a_selection_may_be_empty_for_some_parts_but_not_for_all(
    venvs: Callable[[str], Path],
) -> None:
    assert main([str(venvs(f"[ $part = rest ] || exit {NO_TESTS}"))]) == 0


def test_no_test_at_all_is_a_failure(venvs: Callable[[str], Path]) -> None:
    assert main([str(venvs(f"exit {NO_TESTS}"))]) == 1


@pytest.mark.parametrize("at_first", [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 1), (signal.SIGINT, 130)])
def test_an_interrupted_suite_leaves_no_process_running(
    venvs: Callable[[str], Path], sent: signal.Signals, code: int, at_first: signal.Handlers
) -> None:
    """Each part is interrupted as from the keyboard, and has time to clean up.

    Also if it was started with SIGINT ignored, as shells without job control and build servers do.
    """
    folder = venvs(
        'folder=$(dirname $0)/../..; trap "echo $part put away >>$folder/log; exit 2" INT\n'
        "echo ready >$folder/$part.ready\n"
        "while :; do sleep 0.05; done"
    )
    with started("tools.suite", str(folder), interrupts=at_first) as process:
        while any(not (folder / f"{part}.ready").exists() for part in ("rest", "story", "ironic")):
            assert process.poll() is None
            time.sleep(0.02)

        process.send_signal(sent)

        _, trouble = process.communicate()
    assert (process.returncode, trouble) == (code, b"")
    lines = (folder / "log").read_text().splitlines()
    assert sorted(lines[:3]) == ["ironic begins", "rest begins", "story begins"]
    assert lines[3:] == ["rest put away", "ironic put away", "story put away"]


@contextmanager
def started(module: str, *arguments: str, interrupts: signal.Handlers) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of this repository in a process of its own, which has ended when this block is left."""
    before = signal.signal(signal.SIGINT, interrupts)
    try:
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)  # noqa: S603 - this repository's files
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()

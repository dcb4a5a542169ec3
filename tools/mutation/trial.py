"""Runs tests in a process of their own, forked from this one: with the code as it is, or with one mutant.

This process has everything imported that tests need except the project itself. So a trial starts soon
and still imports every module of the project anew, with the one changed, and nothing that one
trial does is seen by another. No file is ever changed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING, Any, Final

import hypothesis
import pytest

from tools.mutation.settings import LAYER, ROOT, import_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import CodeType

    from tools.mutation.mutants import Mutant

_SILENT: Final = (
    "-q",
    "-p",
    "no:xdist",
    "-p",
    "no:benchmark",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:faulthandler",
)
BROKEN: Final = 70
_NO_TRIAL: Final = {
    BROKEN,
    pytest.ExitCode.INTERNAL_ERROR,
    pytest.ExitCode.USAGE_ERROR,
    pytest.ExitCode.NO_TESTS_COLLECTED,
}
_SECONDS_PER_TEST: Final = 2.0
_SLOWER_MAX: Final = 10.0
"""A test may take so many seconds and so many times what it took without a change; then it hangs."""

_MEMORY_BYTES_MAX: Final = 4 << 30
WALL_SECONDS: Final = 300.0
"""Processor time is what counts; this ends a trial whose threads wait for each other."""


class Verdict(StrEnum):
    """How a trial ended."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    UNREACHED = "unreached"


class ToolBroken(Exception):
    """A trial that proves nothing, by no fault of the mutant; the message has the end of its output."""


class _MutantLoader(SourceFileLoader):
    """Loads the one module changed."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the import system's signature
        """The code of the mutant, whatever the file and its cache say."""
        return self._code


class _MutantFinder:
    """Finds the one module changed, and leaves all others to those who come after it."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = import_name(mutant.path)
        self._path = str(mutant.path)
        self._code = mutant.compile()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        """The import system's question."""
        if fullname != self._name:
            return None
        loader = _MutantLoader(fullname, self._path, self._code)
        return spec_from_file_location(fullname, self._path, loader=loader)


class Selection:
    """A pytest plugin that runs the given tests, in that order, and ends a process in which one hangs.

    Args:
        seconds: by node id, processor seconds that the test takes without a change.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what was chosen."""
        place = {test: index for index, test in enumerate(self._seconds)}
        items[:] = sorted((i for i in items if i.nodeid in place), key=lambda i: place[i.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Set the time limit. The signal ends the process, whatever it is busy with."""
        limit = _SECONDS_PER_TEST + _SLOWER_MAX * self._seconds[nodeid]
        signal.setitimer(signal.ITIMER_PROF, limit)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note who noticed."""
        if report.failed:
            self.failed = self.failed or report.nodeid


@dataclass(slots=True)
class Running:
    """A trial under way: its process, where it writes, and when it is ended at the latest.

    ``again`` is set when it was ended before for taking too long by the clock on the wall.
    """

    mutant: Mutant
    wave: int
    again: bool
    pid: int
    output: Path
    ends: float


def preload(modules: Iterable[str]) -> None:
    """Import what every trial needs and none changes."""
    for name in modules:
        importlib.import_module(name)
    sys.path[:0] = [str(LAYER), str(ROOT)]
    # Hypothesis must not draw at random, nor learn from one mutant for the next, nor tidy up what it found.
    hypothesis.settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutation")
    if project := [name for name in sys.modules if name.partition(".")[0] == "gpu_capacity"]:
        raise ToolBroken(f"imported before any mutant could be: {project}")
    gc.freeze()


def start(
    mutant: Mutant, wave: int, seconds: Mapping[str, float], output: Path, *, again: bool = False
) -> Running:
    """Try a mutant against these tests, in another process."""

    def body() -> int:
        sys.meta_path.insert(0, _MutantFinder(mutant))
        selection = Selection(seconds)
        code = run_pytest(_files(seconds), [selection], "-x")
        print(f"\n{json.dumps({'by': selection.failed})}", flush=True)
        return code

    return Running(mutant, wave, again, fork(body, output), output, time.monotonic() + WALL_SECONDS)


def record(files: Sequence[str], plugin: Any, save: Callable[[], None], output: Path) -> int:
    """Run all tests of these files with a plugin, in another process, which saves what it learnt; its id."""

    def body() -> int:
        plugin.install()
        code = run_pytest(files, [plugin])
        save()
        return code

    return fork(body, output)


def was_starved(trial: Running, status: int) -> bool:
    """Whether it may only have been kept waiting: by the clock too late, for the first time."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and not trial.again


def outcome(trial: Running, status: int) -> tuple[Verdict, str]:
    """What the end of a trial's process says, and the test that noticed.

    Raises:
        ToolBroken: the tests did not run.
    """
    if os.WIFSIGNALED(status):
        return Verdict.TIMEOUT, ""
    code = os.waitstatus_to_exitcode(status)
    if code == pytest.ExitCode.OK:
        return Verdict.SURVIVED, ""
    text = trial.output.read_text(errors="replace")
    if code in _NO_TRIAL:
        raise ToolBroken(f"{trial.mutant.change}: pytest ended with {code}:\n{text[-2000:]}")
    try:
        by = str(json.loads(text.rstrip().rpartition("\n")[2])["by"])
    except (ValueError, LookupError, TypeError):
        by = ""
    return Verdict.KILLED, by or "import"


def fork(body: Callable[[], int], output: Path) -> int:
    """Run something in another process with its output in a file. Its exit code is what ``body`` returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        # Said on both sides, so that it is so for whoever goes on first: the group is what is ended.
        os.setpgid(pid, pid)
        return pid
    code = BROKEN
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = body()
        sys.stdout.flush()
    finally:
        # Without what the parent would do at its own end.
        os._exit(code)


def run_pytest(files: Sequence[str], plugins: list[Any], *options: str) -> int:
    """Run tests in this process, silently; its exit code."""
    ignored = "ignore::pytest.PytestAssertRewriteWarning"
    arguments = [*_SILENT, *options, "-W", ignored, "--rootdir", str(ROOT), *files]
    return int(pytest.main(arguments, plugins=plugins))


def _files(tests: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(test.partition("::")[0] for test in tests))

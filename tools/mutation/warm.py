"""Tries mutants in copies of a process that has all tests imported: what a trial costs is its tests.

The process is forked for each mutant, and in the copy the functions that the mutant changes get their new
code. That is only right for code that has not run yet: what runs when a module is imported, and functions
that are not found, are refused, and tried by importing everything anew (`trial.py`).
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

import pytest

from tools.mutation import trial
from tools.mutation.reach import caches
from tools.mutation.trial import Selection, ToolBroken, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tools.mutation.mutants import Mutant

_LOOK_SECONDS: Final = 0.002
_OUTPUT_TAIL: Final = 3000


class _Exit(IntEnum):
    """How a copy ends."""

    SURVIVED = 0
    NOTICED = 1
    REFUSED = 3


@dataclass(slots=True)
class Answer:
    """How a trial ended; ``verdict`` is None where the mutant has to be tried the other way."""

    verdict: Verdict | None
    by: str = ""


class Worker:
    """A process that has all tests imported, and tries one mutant at a time.

    Args:
        files: all files with tests.
        mutants: those that may be tried, by number.
        folder: for what the process writes.
    """

    def __init__(self, number: int, files: Sequence[str], mutants: Sequence[Mutant], folder: Path) -> None:
        self._output = folder / f"worker{number}.out"
        asks, self._asks = os.pipe()
        self._answers, answers = os.pipe()

        def body() -> int:
            os.close(self._asks)
            os.close(self._answers)
            server = _Server(mutants, folder / f"worker{number}.now", asks, answers)
            return trial.run_pytest(files, [server])

        self.pid = trial.fork(body, self._output)
        os.close(asks)
        os.close(answers)
        self._reader = os.fdopen(self._answers, "rb", buffering=0)
        self.busy: int | None = None

    def ask(self, number: int, seconds: Mapping[str, float]) -> None:
        """Have a mutant tried against these tests."""
        self.busy = number
        _write(self._asks, [number, dict(seconds)])

    def answer(self, wait_seconds: float) -> Answer | None:
        """The end of the trial under way, when it has ended.

        Raises:
            ToolBroken: the tests did not run.
        """
        if not select.select([self._reader], [], [], wait_seconds)[0]:
            return None
        line = self._reader.readline()
        self.busy = None
        if not line:
            raise ToolBroken(self._tail())
        verdict, by, problem = json.loads(line)
        if problem:
            raise ToolBroken(f"{problem}:\n{self._tail()}")
        return Answer(Verdict(verdict) if verdict else None, by)

    def _tail(self) -> str:
        return self._output.read_text(errors="replace")[-_OUTPUT_TAIL:]

    def end(self) -> None:
        """End it and what it started."""
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._asks)
        self._reader.close()


class Functions:
    """The functions that exist after all imports, of the modules that mutants change."""

    def __init__(self, paths: set[str]) -> None:
        self._found: dict[str, list[FunctionType]] = {path: [] for path in paths}
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename in paths:
                self._found[thing.__code__.co_filename].append(thing)

    def change(self, path: str, code: CodeType) -> bool:
        """Give them the code of this form of the module; whether that is all that is changed."""
        codes: dict[tuple[Any, ...], list[CodeType]] = defaultdict(list)
        for place, found in _codes(code):
            codes[place].append(found)
        changed = False
        for function in self._found[path]:
            now = function.__code__
            match codes[_place(now)]:
                case fresh if now in fresh:
                    pass
                case [fresh] if len(fresh.co_freevars) == len(now.co_freevars):
                    function.__code__ = fresh
                    changed = True
                case _:
                    return False
        return changed


class _Server:
    """A pytest plugin that, instead of running the tests, tries mutants until no more are asked for."""

    def __init__(self, mutants: Sequence[Mutant], now: Path, asks: int, answers: int) -> None:
        self._mutants = mutants
        self._asks = os.fdopen(asks, "rb")
        self._answers = answers
        self._now = now

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Everything is imported, and nothing has run."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be imported")
        functions = Functions({str(mutant.path) for mutant in self._mutants})
        items = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()
        for line in self._asks:
            number, seconds = json.loads(line)
            _write(self._answers, self._tried(self._mutants[number], seconds, functions, items))
        return True

    def _tried(
        self,
        mutant: Mutant,
        seconds: dict[str, float],
        functions: Functions,
        items: dict[str, pytest.Item],
    ) -> list[str]:
        """Verdict, the test that noticed, and what went wrong with the trial itself."""
        for _ in range(2):
            pid = os.fork()
            if not pid:
                self._try(mutant, seconds, functions, items)
            status = _waited(pid, time.monotonic() + trial.WALL_SECONDS)
            if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
                break
        by = self._now.read_text().strip() if self._now.exists() else ""
        if os.WIFSIGNALED(status):
            return [Verdict.TIMEOUT, by, ""]
        match os.waitstatus_to_exitcode(status):
            case _Exit.SURVIVED:
                return [Verdict.SURVIVED, "", ""]
            case _Exit.NOTICED:
                return [Verdict.KILLED, by, ""]
            case _Exit.REFUSED:
                return ["", "", ""]
            case code:
                return ["", "", f"{mutant.change}: a copy ended with {code}"]

    def _try(
        self,
        mutant: Mutant,
        seconds: dict[str, float],
        functions: Functions,
        items: dict[str, pytest.Item],
    ) -> None:
        """In a copy of the process, which ends here."""
        code = trial.BROKEN
        try:
            if functions.change(str(mutant.path), mutant.compile()):
                for clear in caches():
                    clear()
                now = os.open(self._now, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                noticed = _notices([items[test] for test in seconds], seconds, now)
                code = _Exit.NOTICED if noticed else _Exit.SURVIVED
            else:
                code = _Exit.REFUSED
            sys.stdout.flush()
        finally:
            os._exit(code)


def _notices(items: list[pytest.Item], seconds: dict[str, float], now: int) -> bool:
    """Run the tests, in order, until one fails. Its node id is in the file ``now``, wherever this ends."""
    selection = Selection(seconds)
    items[0].config.pluginmanager.register(selection)
    for place, item in enumerate(items):
        os.ftruncate(now, 0)
        os.pwrite(now, item.nodeid.encode(), 0)
        following = items[place + 1] if place + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if selection.failed:
            return True
    return False


def _waited(pid: int, ends: float) -> int:
    """The status of a process, which is ended at ``ends`` at the latest."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > ends:
            os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)


def _codes(code: CodeType) -> Iterator[tuple[tuple[Any, ...], CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield _place(constant), constant
            yield from _codes(constant)


def _place(code: CodeType) -> tuple[Any, ...]:
    """Where it stands: no change moves a function."""
    return code.co_qualname, code.co_firstlineno, code.co_argcount, next(iter(code.co_positions()), ())


def _write(file: int, message: list[Any]) -> None:
    left = json.dumps(message).encode() + b"\n"
    while left:
        left = left[os.write(file, left) :]

"""Tries mutants, several at a time, each in as many waves of tests as it survives."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.mutation import trial
from tools.mutation.reach import Reach, Recorder
from tools.mutation.state import Result
from tools.mutation.trial import Running, ToolBroken, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tools.mutation.choice import Choice
    from tools.mutation.mutants import Mutant

_LOOK_SECONDS: Final = 0.005


def measure(modules: Sequence[Path], files: Sequence[str], processes: int) -> dict[str, Reach]:
    """Run all tests of these files once, on the code as it is, and trace them in these modules.

    Raises:
        ToolBroken: a test fails without any change, so its failure would prove nothing.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pids: list[int] = []
        for number in range(min(processes, len(files))):
            recorder = Recorder(modules)
            saved = folder / f"{number}.json"

            def save(recorder: Recorder = recorder, saved: Path = saved) -> None:
                tests = {test: reach.as_json() for test, reach in recorder.tests.items()}
                saved.write_text(json.dumps({"tests": tests, "failed": recorder.failed}))

            pids.append(trial.record(files[number::processes], recorder, save, folder / f"{number}.out"))
        try:
            while pids:
                os.waitpid(pids[-1], 0)
                pids.pop()
        finally:
            _end(pids)
        tests: dict[str, Reach] = {}
        for number in range(min(processes, len(files))):
            saved = folder / f"{number}.json"
            if not saved.exists():
                raise ToolBroken((folder / f"{number}.out").read_text()[-3000:])
            found = json.loads(saved.read_text())
            if found["failed"]:
                raise ToolBroken("fails without any change: " + ", ".join(found["failed"][:10]))
            tests |= {test: Reach.from_json(reach) for test, reach in found["tests"].items()}
    return tests


def try_all(
    mutants: Sequence[Mutant], choice: Choice, processes: int, ends: float
) -> Iterator[tuple[Mutant, Result]]:
    """Results as they come. None is begun after ``ends`` (seconds of the monotonic clock)."""
    with tempfile.TemporaryDirectory() as name:
        yield from _Runner(choice, processes, Path(name)).run(mutants, ends)


class _Runner:
    """The processes under way."""

    def __init__(self, choice: Choice, processes: int, folder: Path) -> None:
        self._choice = choice
        self._processes = processes
        self._folder = folder
        self._running: dict[int, Running] = {}
        self._started = 0

    def run(self, mutants: Sequence[Mutant], ends: float) -> Iterator[tuple[Mutant, Result]]:
        waiting = list(reversed(mutants))
        try:
            while self._running or (waiting and time.monotonic() < ends):
                while waiting and len(self._running) < self._processes and time.monotonic() < ends:
                    mutant = waiting.pop()
                    if not self._start(mutant, 0):
                        yield mutant, Result(Verdict.UNREACHED)
                yield from self._finished()
        finally:
            _end(self._running)

    def _start(self, mutant: Mutant, wave: int, *, again: bool = False) -> bool:
        """Begin a wave; false when there is no such one."""
        waves = self._choice.waves(mutant)
        if wave >= len(waves):
            return False
        self._started += 1
        output = self._folder / f"{self._started}.out"
        running = trial.start(mutant, wave, self._choice.times(waves[wave]), output, again=again)
        self._running[running.pid] = running
        return True

    def _finished(self) -> Iterator[tuple[Mutant, Result]]:
        for pid, running in list(self._running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                if time.monotonic() > running.ends:
                    os.killpg(pid, signal.SIGKILL)
                continue
            del self._running[pid]
            if trial.was_starved(running, status):
                self._start(running.mutant, running.wave, again=True)
                continue
            verdict, by = trial.outcome(running, status)
            running.output.unlink()
            if verdict is not Verdict.SURVIVED or not self._start(running.mutant, running.wave + 1):
                yield running.mutant, Result(verdict, by)
        time.sleep(_LOOK_SECONDS)


def _end(pids: Iterable[int]) -> None:
    """End processes that are still under way, and what they started."""
    for pid in pids:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

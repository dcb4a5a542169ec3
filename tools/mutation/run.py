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
from tools.mutation.state import Result, Traced
from tools.mutation.trial import Running, ToolBroken, Verdict
from tools.mutation.warm import Answer, Worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tools.mutation.choice import Choice
    from tools.mutation.mutants import Mutant

_LOOK_SECONDS: Final = 0.005
_FILES_AT_A_TIME: Final = 8
"""What is known is kept after so many files with tests."""


def measure(modules: Sequence[Path], files: Sequence[str], processes: int) -> Iterator[Traced]:
    """Run all tests of these files once, on the code as it is, some files at a time.

    Raises:
        ToolBroken: a test fails without any change, so its failure would prove nothing.
    """
    size = min(_FILES_AT_A_TIME, -(-len(files) // processes))
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    with tempfile.TemporaryDirectory() as name:
        for start in range(0, len(parts), processes):
            begun: list[tuple[int, Path]] = []
            try:
                for number, part in enumerate(parts[start : start + processes]):
                    saved = Path(name) / f"{start + number}.json"
                    begun.append((_record(modules, part, saved), saved))
                while begun:
                    pid, saved = begun[0]
                    os.waitpid(pid, 0)
                    del begun[0]
                    yield _traced(saved)
            finally:
                _end(pid for pid, _ in begun)


def _record(modules: Sequence[Path], files: Sequence[str], saved: Path) -> int:
    recorder = Recorder(modules)

    def save() -> None:
        tests = {test: reach.as_json() for test, reach in recorder.tests.items()}
        at_import = {module: sorted(lines) for module, lines in recorder.at_import.items()}
        found = {"files": files, "tests": tests, "at_import": at_import, "failed": recorder.failed}
        saved.write_text(json.dumps(found))

    return trial.record(files, recorder, save, saved.with_suffix(".out"))


def _traced(saved: Path) -> Traced:
    if not saved.exists():
        raise ToolBroken(saved.with_suffix(".out").read_text()[-3000:])
    found = json.loads(saved.read_text())
    if found["failed"]:
        raise ToolBroken("fails without any change: " + ", ".join(found["failed"][:10]))
    tests = {test: Reach.from_json(reach) for test, reach in found["tests"].items()}
    return Traced(found["files"], tests, {module: set(lines) for module, lines in found["at_import"].items()})


def try_all(
    mutants: Sequence[Mutant], choice: Choice, processes: int, ends: float
) -> Iterator[tuple[Mutant, Result]]:
    """Results as they come: first of what can be tried in copies of a process that has everything imported.

    None is begun after ``ends`` (seconds of the monotonic clock).
    """
    cold = [mutant for mutant in mutants if choice.is_imported(mutant)]
    anew = set(map(id, cold))
    warm = [mutant for mutant in mutants if id(mutant) not in anew]
    with tempfile.TemporaryDirectory() as name:
        for mutant, answer in _warm(warm, choice, processes, Path(name), ends):
            if answer.verdict is None:
                cold.append(mutant)
            else:
                yield mutant, Result(answer.verdict, answer.by)
        yield from _Runner(choice, processes, Path(name)).run(cold, ends)


def _warm(
    mutants: Sequence[Mutant],
    choice: Choice,
    processes: int,
    folder: Path,
    ends: float,
) -> Iterator[tuple[Mutant, Answer]]:
    waiting = list(reversed(range(len(mutants))))
    workers: list[Worker] = []
    try:
        for number in range(min(processes, len(mutants))):
            # One by one, so that those that were begun are ended if another one fails.
            workers.append(Worker(number, choice.files, mutants, folder))  # noqa: PERF401
        while True:
            for worker in workers:
                while worker.busy is None and waiting and time.monotonic() < ends:
                    number = waiting.pop()
                    if tests := choice.tests(mutants[number]):
                        worker.ask(number, choice.times(tests))
                    else:
                        yield mutants[number], Answer(Verdict.UNREACHED)
            busy = [(worker, worker.busy) for worker in workers if worker.busy is not None]
            if not busy:
                return
            for worker, number in busy:
                if answer := worker.answer(_LOOK_SECONDS):
                    yield mutants[number], answer
    finally:
        for worker in workers:
            worker.end()


class _Runner:
    """The processes under way that import everything anew."""

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

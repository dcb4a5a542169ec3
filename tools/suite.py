"""Runs every test of the repository: the end-to-end tests and those with Ironic, and all others meanwhile.

    python -m tools.suite .venvs [arguments for pytest]

The first two spend most of their time waiting: for workflows, polls and notices, two stories at a time on one
stack, and for Ironic. The others run at the lowest priority, so that they do not delay them. The
output of the first two is shown at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn

from tools.interrupts import heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
MEANWHILE: Final[tuple[tuple[str, ...], ...]] = (
    ("dev", "-n", "2", "-m", "not ironic", "tests/e2e"),
    ("dev", "-m", "ironic", "tests/e2e", "tests/contract/providers"),
)
OTHERS: Final[tuple[tuple[str, ...], ...]] = (
    (
        *("dev", "-n", "2", "--dist", "worksteal", "-m", "not ironic"),
        *("--ignore=tests/e2e", "--ignore=tests/benchmarks", "tests"),
    ),
    ("bench", "-n", "2", "tests/benchmarks"),
)
"""Environment, then arguments for its pytest. Some tests take a hundred times as long as others, so a worker
without tests takes some of the other's."""

LOWEST_PRIORITY: Final = 19
ENDING_SECONDS_MAX: Final = 60
NO_TESTS: Final = 5
"""The exit code of pytest if its arguments select no test."""


def main(arguments: Sequence[str]) -> int:
    """Run them all; return 1 if any fails or there is none."""
    signal.signal(signal.SIGTERM, _end)
    venvs, *further = arguments
    codes = []
    with ExitStack() as stack:
        started = []
        for part in MEANWHILE:
            output = stack.enter_context(tempfile.TemporaryFile())
            started.append((stack.enter_context(_started(venvs, part, further, output)), output))
        for part in OTHERS:
            with _started(venvs, part, further) as other:
                os.setpriority(os.PRIO_PROCESS, other.pid, LOWEST_PRIORITY)
                codes.append(other.wait())
        for process, output in started:
            codes.append(process.wait())
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    return 0 if 0 in codes and set(codes) <= {0, NO_TESTS} else 1


@contextmanager
def _started(
    venvs: str, part: Sequence[str], further: Sequence[str], output: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run pytest for the time of the block. Leaving the block interrupts it and waits until it has ended."""
    environment, *given = part
    command = [str(Path(venvs) / environment / "bin" / "pytest"), *given, *further]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(ENDING_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end(*_: object) -> NoReturn:
    sys.exit(1)


if __name__ == "__main__":
    heed_interrupts()
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)

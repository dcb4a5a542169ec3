"""Every test of the repository: the end-to-end story, and beside it all others.

    python -m tools.suite .venvs [arguments for pytest]

The story waits for workflows, polls and notices most of its time. The others use what processor time it
leaves: they have the lowest priority, so that nothing the story waits for is late because of them. What the
story says is shown when it is over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn

from tools.interrupts import heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
STORY: Final = ("dev", "tests/e2e")
OTHERS: Final = (
    ("dev", "-n", "2", "--dist", "worksteal", "--ignore=tests/e2e", "--ignore=tests/benchmarks", "tests"),
    ("bench", "-n", "2", "tests/benchmarks"),
)
"""Environment, then arguments for its pytest. Some tests take a hundred times as long as others: whoever has
none left takes from those of the other process."""

LOWEST_PRIORITY: Final = 19
ENDING_SECONDS_MAX: Final = 60
NO_TESTS: Final = 5
"""The exit code of pytest where its arguments leave none."""


def main(arguments: Sequence[str]) -> int:
    """Run them all; 1 when any of them fails, or when there is none."""
    signal.signal(signal.SIGTERM, _end)
    venvs, *further = arguments
    with tempfile.TemporaryFile() as told, _started(venvs, STORY, further, told) as story:
        codes = []
        for part in OTHERS:
            with _started(venvs, part, further) as process:
                os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST_PRIORITY)
                codes.append(process.wait())
        codes.append(story.wait())
        told.seek(0)
        sys.stdout.buffer.write(told.read())
        sys.stdout.flush()
    return 0 if 0 in codes and set(codes) <= {0, NO_TESTS} else 1


@contextmanager
def _started(
    venvs: str, part: Sequence[str], further: Sequence[str], told: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A run of pytest; whatever happens, it has ended, and put away what it began, when this is left."""
    environment, *given = part
    command = [str(Path(venvs) / environment / "bin" / "pytest"), *given, *further]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
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

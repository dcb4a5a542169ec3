"""Starts and stops the AWS emulator as a separate process, for tests.

The emulator pins its own botocore, so it has its own virtual environment. `EMULATOR_PYTHON` names that
environment's interpreter; by default it is where `make setup` puts it (`VENVS`, by default `.venvs`).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[1]

# It is ready in about half a second; more is for a machine that is busy with other tests.
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0

READY_LINE = re.compile(r"Running on http://")


class EmulatorFailedError(RuntimeError):
    """The emulator did not become ready; the message ends with what it printed."""


def emulator_python() -> Path:
    """Return the interpreter of the emulator. The test fails if it is missing, so that none is skipped."""
    venvs = REPOSITORY / (os.environ.get("VENVS") or ".venvs")
    python = Path(os.environ.get("EMULATOR_PYTHON") or venvs / "emulator" / "bin" / "python")
    assert python.exists(), f"{python} is missing: run `make setup`, or name another by EMULATOR_PYTHON"
    return python


@contextmanager
def running_emulator(python: Path, work_dir: Path, **settings: str) -> Iterator[str]:
    """Start the emulator on a free port of 127.0.0.1 and yield its URL; stop it with SIGTERM afterwards.

    Args:
        python: the interpreter of the emulator's environment.
        work_dir: an existing folder for its temporary files.
        settings: further environment variables, such as `PERSIST_STATE="1"`.

    Raises:
        EmulatorFailedError: it ended, or was not ready within 30 seconds.
    """
    port = _free_port()
    environment = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(work_dir),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    # PYTHONPATH of the tests would shadow the emulator's packages.
    environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(  # noqa: S603 - the interpreter is named by the developer
        [str(python), "-m", "ministack"],
        cwd=work_dir,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = _Output(process)
    try:
        output.wait_until_ready()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        output.close()


class _Output:
    """Reads the emulator's output, so that its pipe never fills, and waits for the line that it is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._stream: IO[str] = process.stdout
        self._lines: list[str] = []
        self._ready = False
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._read, name="emulator-output", daemon=True)
        self._thread.start()

    def wait_until_ready(self) -> None:
        self._answered.wait(READY_SECONDS_MAX)
        if not self._ready:
            raise EmulatorFailedError("the emulator did not start:\n" + "".join(self._lines[-20:]))

    def close(self) -> None:
        self._thread.join(STOP_SECONDS_MAX)
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.append(line)
            if READY_LINE.search(line):
                self._ready = True
                self._answered.set()
        self._answered.set()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""A separate local stack for a command or a test: a free port and its own state folder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from testkit.sample_fleet import sample_fleet
from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import clients
from tools.local_stack.sample_data import sync, upload
from tools.local_stack.state import ROOT, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

READY_SECONDS_MAX = 600
STOPPED_SECONDS_MAX = 240
"""Stopping saves the state and removes the workers' copies of the layer: slow on a busy machine."""
LOG = "launcher.log"


@contextlib.contextmanager
def temporary_stack(
    folder: Path, venvs: Path, parameters: Mapping[str, str], options: Sequence[str] = ()
) -> Iterator[tuple[str, State]]:
    """Run the launcher as a process with its state below ``folder``; yield the address and the state.

    Args:
        folder: kept when the block ends; has the launcher's output.
        venvs: folder of the virtual environments.
        parameters: template parameters.
        options: further options of the launcher.

    Raises:
        LaunchError: it does not start.
    """
    state = state_in(folder)
    command = [sys.executable, "-m", "tools.run", "--port", "0", "--state", str(state.folder)]
    command += ["--venvs", str(venvs), *options]
    for name, value in parameters.items():
        command += ["--parameter", f"{name}={value}"]
    with (folder / LOG).open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield _address(process, folder / LOG), state
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=STOPPED_SECONDS_MAX)


def state_in(folder: Path) -> State:
    """The state of the stack that runs, or will run, below a folder."""
    return State(folder / "state")


@contextlib.contextmanager
def untouched_stack(folder: Path, venvs: Path, parameters: Mapping[str, str]) -> Iterator[tuple[str, State]]:
    """Run a stack with the sample fleet and no holders."""
    with temporary_stack(folder, venvs, parameters, ("--no-seed",)) as (url, state):
        running = state.read_running()
        connect = clients(running["emulatorUrl"])
        upload(connect("s3"), running["outputs"]["FleetBucketName"], sample_fleet())
        sync(connect("lambda"), running["outputs"]["SyncInventoryFunctionName"])
        yield url, state


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """Wait until the launcher is ready and return the address."""
    impatience = threading.Timer(READY_SECONDS_MAX, process.terminate)
    impatience.start()
    try:
        for line in process.stdout or ():
            if line.startswith("ready "):
                return line.split()[1]
    finally:
        impatience.cancel()
    raise LaunchError(f"the local stack did not start:\n{log.read_text()}")

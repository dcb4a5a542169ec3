"""The emulator process: starts it on loopback, waits until it answers, and stops it with its state saved."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from tools.local_stack.errors import LaunchError
from tools.local_stack.state import State

READY_SECONDS_MAX = 30
# It saves all state in about two seconds; more after a run with many functions.
STOP_SECONDS_MAX = 30
LOOPBACK = "127.0.0.1"
REGION = "us-east-1"


@dataclass(frozen=True)
class Emulator:
    """A running emulator and how clients reach it."""

    url: str
    process: subprocess.Popen[bytes]

    def is_alive(self) -> bool:
        """Tell whether the process is still running."""
        return self.process.poll() is None


def client_environment(url: str) -> dict[str, str]:
    """Environment of a program that calls the emulator, and never the developer's AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def free_port() -> int:
    """Find a free port of loopback."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether the port is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def usual_port(state: State, note: str) -> int:
    """Return the port of the last run, which is in a note, if it is free, else another one.

    Deployed functions have addresses in their environment, so a new port needs a new deployment.
    """
    remembered = state.read_notes().get(note)
    port = remembered if isinstance(remembered, int) and is_free(remembered) else free_port()
    state.remember(**{note: port})
    return port


@contextmanager
def running(state: State, python: Path) -> Iterator[Emulator]:
    """Run the emulator for the time of the block, with `python` of its own environment.

    Raises:
        LaunchError: it does not start, or does not stop.
    """
    port = usual_port(state, "emulatorPort")
    for folder in (state.emulator, state.logs):
        folder.mkdir(parents=True, exist_ok=True)
    empty(state.scratch)
    if state.note_start():
        print(
            "\nthe emulator was killed in the last run: changes of tables and workflows in that run are lost",
            file=sys.stderr,
        )
    log = state.logs / "emulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("emulator_main.py"))],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=emulator_environment(state, port),
            cwd=state.folder,
            # Ctrl-C reaches the launcher only, which then stops everything in order.
            start_new_session=True,
            pass_fds=() if state.lock is None else (state.lock,),
        )
    emulator = Emulator(f"http://{LOOPBACK}:{port}", process)
    try:
        wait_until_ready(emulator, log)
        yield emulator
    finally:
        stop(process)
        shutil.rmtree(state.scratch, ignore_errors=True)


def emulator_environment(state: State, port: int) -> dict[str, str]:
    """Environment of the emulator: very little, because every function inherits it.

    The developer's variables (credentials, PYTHONPATH, LOG_LEVEL …) must not reach the functions.
    """
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ
    }
    return inherited | {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(state.emulator),
        "S3_DATA_DIR": str(state.emulator / "s3"),
        "TMPDIR": str(state.scratch),
        "MINISTACK_REGION": REGION,
        # No limit: calls that wait for their turn (emulator_main.py) would count as running, and be refused.
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        # Functions run under the roles of the template, and the emulator enforces those.
        "AUTH": "true",
    }


def wait_until_ready(emulator: Emulator, log: Path) -> None:
    """Return when it answers; LaunchError with the end of its log if it ends or takes too long."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        if not emulator.is_alive():
            break
        try:
            with urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=2):  # noqa: S310 - our own http address
                return
        except (URLError, OSError):
            time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise LaunchError(f"the emulator did not start (log: {log}):\n{tail}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the emulator with the signal on which it saves its state, and end its remaining processes."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        print("the emulator did not stop in time: its state since the last start is lost", file=sys.stderr)
    finally:
        # Its function workers are in its session; normally they have ended by now.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()


def empty(folder: Path) -> None:
    """Create the folder, or empty it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

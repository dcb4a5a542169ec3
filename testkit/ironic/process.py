"""Starts and stops a standalone Ironic as a separate process: API and conductor in one, over SQLite.

It has an environment of its own: `IRONIC_PYTHON` names its interpreter; by default it is where `make setup`
puts it (`VENVS`, by default `.venvs`). It listens on 127.0.0.1 only.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from testkit.ironic.machines import Machines

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
HARDWARE = Path(__file__).with_name("hardware")

# It listens after some seconds; more is for a machine that is busy with other tests.
READY_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 20.0
_LOOK_SECONDS: Final = 0.1

_SETTINGS: Final = """\
[DEFAULT]
{authentication}
rpc_transport = none
host = localhost
default_log_levels = ironic=WARNING
enabled_hardware_types = fake-hardware
enabled_boot_interfaces = fake
enabled_deploy_interfaces = fake,direct,rack
enabled_management_interfaces = fake
enabled_power_interfaces = fake,rack
enabled_network_interfaces = noop
enabled_storage_interfaces = noop
enabled_bios_interfaces = no-bios
enabled_console_interfaces = no-console
enabled_firmware_interfaces = no-firmware
enabled_inspect_interfaces = no-inspect
enabled_raid_interfaces = no-raid
enabled_rescue_interfaces = no-rescue
enabled_vendor_interfaces = no-vendor
default_deploy_interface = fake
default_network_interface = noop
[api]
host_ip = 127.0.0.1
port = {port}
[service_catalog]
endpoint_override = http://127.0.0.1:{port}
[deploy]
http_url = http://127.0.0.1:1
[database]
connection = sqlite:///{folder}/ironic.sqlite?timeout=60
# A crash of the machine may lose what was written: a tenth of the time for each change.
sqlite_synchronous = false
[conductor]
sync_power_state_interval = {watch_seconds}
power_failure_recovery_interval = {watch_seconds}
power_state_sync_max_retries = 1
deploy_callback_timeout = 0
[nova]
send_power_notifications = false
[sensor_data]
send_sensor_data = false
[oslo_concurrency]
lock_path = {folder}/locks
"""


class IronicFailedError(RuntimeError):
    """Ironic did not become ready; the message ends with what it printed."""


def ironic_python() -> Path:
    """Return the interpreter of Ironic. The test fails if it is missing, so that none is skipped."""
    venvs = REPOSITORY / (os.environ.get("VENVS") or ".venvs")
    python = Path(os.environ.get("IRONIC_PYTHON") or venvs / "ironic" / "bin" / "python")
    assert python.exists(), f"{python} is missing: run `make setup`, or name another by IRONIC_PYTHON"
    return python


@dataclass(frozen=True)
class Options:
    """How an Ironic runs.

    Attributes:
        port: on 127.0.0.1; 0 for any free one.
        watch_seconds: how often Ironic asks machines for their power; 0 for never. One that did not answer
            twice has a fault, until it answers again.
        users: a file of users with bcrypt hashes, one `name:hash` a line; without it nobody has to log in.
    """

    port: int = 0
    watch_seconds: int = 0
    users: Path | None = None

    @property
    def authentication(self) -> str:
        """The settings for it."""
        if self.users is None:
            return "auth_strategy = noauth"
        return f"auth_strategy = http_basic\nhttp_basic_auth_user_file = {self.users}"


@contextmanager
def running_ironic(python: Path, folder: Path, options: Options | None = None) -> Iterator[Machines]:
    """Start Ironic for the time of the block.

    Args:
        python: the interpreter of its environment.
        folder: an existing folder for its database and its log. What an earlier run left there is kept.
        options: how it runs.

    Raises:
        IronicFailedError: it ended, or was not ready in time.
    """
    options = options or Options()
    port = options.port or _free_port()
    settings = folder / "ironic.conf"
    settings.write_text(
        _SETTINGS.format(
            port=port,
            folder=folder,
            authentication=options.authentication,
            watch_seconds=options.watch_seconds,
        ),
        encoding="utf-8",
    )
    environment = _environment(python, folder)
    database = folder / "ironic.sqlite"
    with (folder / "ironic.log").open("w+", encoding="utf-8") as log:
        if not database.exists():
            _run([str(python.with_name("ironic-dbsync")), "create_schema"], settings, environment, log)
            with closing(sqlite3.connect(database)) as opened:
                # Whoever looks on does not keep Ironic from writing.
                opened.execute("PRAGMA journal_mode = WAL")
        process = subprocess.Popen(  # noqa: S603 - the interpreter is named by the developer
            [str(python.with_name("ironic")), "--config-file", str(settings)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C reaches the one who started it, who then stops everything in order.
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, port, log)
            yield Machines(f"http://127.0.0.1:{port}", database)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(python: Path, folder: Path) -> dict[str, str]:
    """The environment of Ironic: with our interfaces, and with a program that makes config drives."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    link = tools / "genisoimage"
    link.unlink(missing_ok=True)
    link.symlink_to(python.with_name("pycdlib-genisoimage"))
    path = os.pathsep.join([str(tools), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PYTHONPATH": str(HARDWARE), "PATH": path}


def _run(command: list[str], settings: Path, environment: dict[str, str], log: IO[str]) -> None:
    done = subprocess.run(  # noqa: S603 - as above
        [command[0], "--config-file", str(settings), *command[1:]],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        check=False,
    )
    if done.returncode:
        raise _failed(log)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: IO[str]) -> None:
    until = time.monotonic() + READY_SECONDS_MAX
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except OSError:
            time.sleep(_LOOK_SECONDS)
    raise _failed(log)


def _failed(log: IO[str]) -> IronicFailedError:
    log.seek(0)
    return IronicFailedError("Ironic did not start:\n" + "".join(log.readlines()[-20:]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

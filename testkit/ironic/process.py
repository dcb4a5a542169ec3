"""Starts and stops a standalone Ironic as a separate process: API and conductor in one, over SQLite.

It has an environment of its own: `IRONIC_PYTHON` names its interpreter; by default it is where `make setup`
puts it (`VENVS`, by default `.venvs`). It asks nobody for credentials and listens on 127.0.0.1 only.
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
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from testkit.ironic.machines import Machines

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]

# It listens after some seconds; more is for a machine that is busy with other tests.
READY_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 20.0
_LOOK_SECONDS: Final = 0.1

_SETTINGS: Final = """\
[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = localhost
default_log_levels = ironic=WARNING
enabled_hardware_types = fake-hardware
enabled_boot_interfaces = fake
enabled_deploy_interfaces = fake,direct
enabled_management_interfaces = fake
enabled_power_interfaces = fake
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
connection = sqlite:///{folder}/ironic.sqlite
# A crash of the machine may lose what was written: a tenth of the time for each change.
sqlite_synchronous = false
[conductor]
sync_power_state_interval = 0
deploy_callback_timeout = 0
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


@contextmanager
def running_ironic(python: Path, folder: Path) -> Iterator[Machines]:
    """Start Ironic on a free port of 127.0.0.1 for the time of the block.

    Args:
        python: the interpreter of its environment.
        folder: an existing folder for its database and its log.

    Raises:
        IronicFailedError: it ended, or was not ready in time.
    """
    port = _free_port()
    settings = folder / "ironic.conf"
    settings.write_text(_SETTINGS.format(port=port, folder=folder), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (folder / "ironic.log").open("w+", encoding="utf-8") as log:
        _run([str(python.with_name("ironic-dbsync")), "create_schema"], settings, environment, log)
        with closing(sqlite3.connect(folder / "ironic.sqlite")) as database:
            # Whoever looks on does not keep Ironic from writing.
            database.execute("PRAGMA journal_mode = WAL")
        process = subprocess.Popen(  # noqa: S603 - the interpreter is named by the developer
            [str(python.with_name("ironic")), "--config-file", str(settings)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(process, port, log)
            yield Machines(f"http://127.0.0.1:{port}", folder / "ironic.sqlite")
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


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
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/drivers/fake-hardware", timeout=5):
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

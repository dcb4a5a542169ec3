"""The machines of a running Ironic: enrolled, looked at, and put back to how they were.

A machine is enrolled through Ironic once; all others are copies of its row in Ironic's database, and a row is
put back there as well. Through the API both take seconds for each machine.
"""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

RESOURCE_CLASS: Final = "gpu-host"
WAIT_SECONDS_MAX: Final = 300.0
_LOOK_SECONDS: Final = 0.01
_REQUEST_SECONDS: Final = 60
_MODEL: Final = "model"
_HEADERS: Final = {"X-OpenStack-Ironic-API-Version": "1.65"}

_AT_WORK: Final = """
SELECT 1 FROM nodes WHERE reservation IS NOT NULL OR provision_state IN ('deploying', 'deleting', 'cleaning')
UNION ALL SELECT 1 FROM allocations WHERE state = 'allocating'
"""

# Nothing but `updated_at` differs between a copy that was never used and one that was put back.
_OWN: Final = ("id", "uuid", "name", "extra")


class Machines:
    """Nodes of the hardware type ``fake-hardware``, of one resource class."""

    def __init__(self, url: str, database: Path) -> None:
        self.url = url
        self._path = database
        self._http = requests.Session()

    def enrol(
        self,
        names: Iterable[str],
        columns_of: Mapping[str, Mapping[str, object]],
        extra_of: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Make machines that are available and switched off, each with the addresses of its future server.

        Args:
            names: of the machines.
            columns_of: columns of Ironic's table of nodes that differ, by name of the machine.
            extra_of: what stands in ``extra`` besides the addresses, by name.
        """
        self._enrol_model()
        with self._changing() as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(nodes)") if row[1] not in _OWN]
            copied = ", ".join(columns)
            for number, name in enumerate(names):
                extra = {
                    "private_ip": f"10.64.{number // 250}.{number % 250 + 1}",
                    "public_ip": f"198.18.{number // 250}.{number % 250 + 1}",
                    "mac_address": f"02:00:00:00:{number // 256:02x}:{number % 256:02x}",
                    **(extra_of or {}).get(name, {}),
                }
                database.execute(
                    f"INSERT INTO nodes (uuid, name, extra, {copied}) "  # noqa: S608 - names of columns
                    f"SELECT ?, ?, ?, {copied} FROM nodes WHERE name = ?",
                    (str(uuid.uuid4()), name, json.dumps(extra), _MODEL),
                )
                for column, value in columns_of.get(name, {}).items():
                    changed = f"UPDATE nodes SET {column} = ? WHERE name = ?"  # noqa: S608 - a name of a column
                    database.execute(changed, (value, name))
        self._ask("DELETE", f"/v1/nodes/{_MODEL}", None)
        with self._changing() as database:
            database.execute("CREATE TABLE enrolled AS SELECT * FROM nodes")

    def put_back(self) -> None:
        """Make all machines what they were when they were enrolled, once Ironic is at work on none."""
        self.wait_until_idle()
        with self._changing() as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(nodes)") if row[1] != "id"]
            changes = ", ".join(f"{name} = enrolled.{name}" for name in columns)
            database.execute(
                f"UPDATE nodes SET {changes} FROM enrolled "  # noqa: S608 - names of columns
                "WHERE nodes.id = enrolled.id AND nodes.updated_at IS NOT enrolled.updated_at"
            )
            database.execute("DELETE FROM allocations")

    def busy(self) -> bool:
        """Whether Ironic is at work on a machine, or on an allocation."""
        return bool(self._rows(_AT_WORK))

    def state(self, host_id: str) -> dict[str, Any]:
        """The machine of a host, whatever its name is now: columns of Ironic's table."""
        (row,) = self._rows("SELECT * FROM nodes WHERE name = ? OR name LIKE ?", host_id, f"{host_id}~%")
        return row

    def config_drive(self, host_id: str) -> bytes:
        """The image of the config drive that a machine has booted with, which Ironic's API does not show."""
        image = json.loads(self.state(host_id)["driver_internal_info"])["rack_config_drive"]
        return gzip.decompress(base64.b64decode(image))

    def allocations(self) -> list[dict[str, Any]]:
        """Every allocation."""
        return self._rows("SELECT * FROM allocations")

    def wait_until_idle(self) -> None:
        """Wait until Ironic is at work on nothing."""
        self.wait_until(lambda: not self.busy())

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so; AssertionError after some minutes: the machine may be busy."""
        until = time.monotonic() + WAIT_SECONDS_MAX
        while not condition():
            assert time.monotonic() < until, "Ironic is still at work after minutes"
            time.sleep(_LOOK_SECONDS)

    def _enrol_model(self) -> None:
        body = {"name": _MODEL, "driver": "fake-hardware", "resource_class": RESOURCE_CLASS}
        body |= {"deploy_interface": "rack", "power_interface": "rack"}
        self._ask("POST", "/v1/nodes", body)
        self._ask("PUT", f"/v1/nodes/{_MODEL}/states/provision", {"target": "manage"})
        self._wait_for("manageable")
        self._ask("PUT", f"/v1/nodes/{_MODEL}/states/provision", {"target": "provide"})
        self._wait_for("available")
        self._ask("PUT", f"/v1/nodes/{_MODEL}/states/power", {"target": "power off"})
        self.wait_until(lambda: self.state(_MODEL)["power_state"] == "power off" and not self.busy())

    def _wait_for(self, provision_state: str) -> None:
        self.wait_until(lambda: self.state(_MODEL)["provision_state"] == provision_state and not self.busy())

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> None:
        answer = self._http.request(
            method, self.url + path, json=body, headers=_HEADERS, timeout=_REQUEST_SECONDS
        )
        answer.raise_for_status()

    def _rows(self, question: str, *values: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS_MAX)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(question, values)]

    def _changing(self) -> _Changing:
        return _Changing(self._path)


class _Changing:
    """One transaction of Ironic's database."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, timeout=WAIT_SECONDS_MAX)

    def __enter__(self) -> sqlite3.Connection:
        return self._database

    def __exit__(self, failure: object, *_: object) -> None:
        if failure is None:
            self._database.commit()
        self._database.close()

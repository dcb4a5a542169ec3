"""The application over a real Ironic: what customers get is what its nodes do, and the other way round."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests

from testkit.ironic.machines import Machines
from tests.e2e.reservation_client import PLACEMENTS, RESERVATIONS, ReservationClient
from tests.e2e.stack import ROOT, running_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.ironic, pytest.mark.slow]

ORGANIZATION, PROJECT = "e2e00000-0000-4000-8000-000000000031", "e2e00000-0000-4000-8000-000000000032"
REGION, HOSTS, TRAYS = "us-tex-1", 176, 18
USER_DATA = b"#cloud-config\nhostname: worker\n"
NOTICED_SECONDS_MAX = 240
_FIELDS: Final = "name,provision_state,power_state,maintenance,fault,instance_uuid,instance_info"


@dataclass(frozen=True)
class Ironic:
    """What an operator of the site sees and does, by Ironic's own API."""

    url: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-OpenStack-Ironic-API-Version": "1.65"}
        answer = requests.request(method, f"{self.url}/v1{path}", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def nodes(self) -> dict[str, dict[str, Any]]:
        """The nodes by host: the part of a name that stays."""
        found = self.ask("GET", f"/nodes?fields={_FIELDS}")["nodes"]
        return {node["name"].partition("~")[0]: node for node in found}

    def allocations(self) -> list[Any]:
        found: list[Any] = self.ask("GET", "/allocations")["allocations"]
        return found

    def unplug(self, host_id: str, *, plug: bool = False) -> None:
        """Let a machine not answer any more, or again."""
        operation = {"op": "remove"} if plug else {"op": "add", "value": True}
        name = self.nodes()[host_id]["name"]
        self.ask("PATCH", f"/nodes/{name}", [{"path": "/driver_info/unplugged", **operation}])


@pytest.fixture(scope="module")
def metal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of `make run PROVIDER=ironic`."""
    folder = tmp_path_factory.mktemp("metal")
    with running_stack(folder, ("--provider", "ironic"), PollSeconds="1") as running:
        yield running


@pytest.fixture(scope="module")
def ironic(metal: Stack) -> Ironic:
    return Ironic(metal.state.read_running()["ironicUrl"])


@pytest.fixture(scope="module")
def client(metal: Stack) -> ReservationClient:
    return ReservationClient(metal, metal.token(ORGANIZATION, PROJECT))


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + NOTICED_SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, f"{what} took too long"
        time.sleep(1)


def sync(stack: Stack) -> Any:
    """Run the scheduled sync now. The schedule may do so at the same time; then one of them is refused."""
    for _ in range(3):
        answer = stack.client("lambda").invoke(FunctionName=stack.output("SyncInventoryFunctionName"))
        report = json.loads(answer["Payload"].read())
        if report["refused"] not in ("contradictory", "outdated"):
            break
    assert report["refused"] is None, report
    return report


def command(name: str, stack: Stack, *arguments: str) -> tuple[int, str]:
    """Run an operator's command; return its exit code and output."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", f"tools.{name}", "--state", str(stack.state.folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "layers" / "shared")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def health(client: ReservationClient, path: str) -> tuple[str, str]:
    metadata = client.read(path)["metadata"]
    return metadata["healthStatus"], metadata["healthStatusDetail"]["message"]


def test_reserved_racks_are_allocated_nodes_and_servers_are_deployments(
    metal: Stack, ironic: Ironic, client: ReservationClient
) -> None:
    fresh = ironic.nodes()
    assert len(fresh) == HOSTS
    reservation = client.create(RESERVATIONS, _reservation(2))
    reserved = f"{RESERVATIONS}/{reservation['metadata']['id']}"
    held = {host_id for host_id, node in ironic.nodes().items() if node["instance_uuid"]}
    assert len(held) == len(ironic.allocations()) == 2 * TRAYS
    assert len({host_id.rpartition("-")[0] for host_id in held}) == 2

    placement = client.create(PLACEMENTS, _placement(reservation, 4))
    placed = f"{PLACEMENTS}/{placement['metadata']['id']}"
    servers = client.read(f"{placed}/servers")
    hosts = [server["status"]["infrastructureRef"] for server in servers]
    nodes = ironic.nodes()
    assert {host_id for host_id, node in nodes.items() if node["provision_state"] == "active"} == set(hosts)
    for server, host_id in zip(servers, hosts, strict=True):
        assert server["status"]["powerState"] == "Running"
        assert server["status"]["privateIP"].startswith("10.64.")
        assert nodes[host_id]["power_state"] == "power on"
        assert nodes[host_id]["instance_info"]["display_name"] == server["metadata"]["name"]
    machines = Machines(ironic.url, metal.state.folder / "ironic" / "ironic.sqlite")
    assert USER_DATA in machines.config_drive(hosts[0])

    # A machine dies, and is repaired.
    spare = min(held - set(hosts))
    ironic.unplug(spare)
    wait_until("the fault", lambda: ironic.nodes()[spare]["fault"] == "power failure")
    code, shown = command("fleet_check", metal, "--source", f"ironic://{ironic.url.partition('//')[2]}")
    assert code == 0, shown
    assert f"RESERVATION#{reservation['metadata']['id']}" in shown or "nothing would change" in shown
    sync(metal)
    status, message = health(client, reserved)
    assert (status, spare in message) == ("degraded", True)
    ironic.unplug(spare, plug=True)
    wait_until("the recovery", lambda: ironic.nodes()[spare]["fault"] is None)
    sync(metal)
    assert health(client, reserved)[0] == "healthy"

    client.delete(placed)
    client.delete(reserved)
    assert ironic.allocations() == []
    back = ironic.nodes()
    assert {node["provision_state"] for node in back.values()} == {"available"}
    assert {node["power_state"] for node in back.values()} == {"power off"}
    assert not [host_id for host_id, node in back.items() if node["instance_uuid"] or node["instance_info"]]
    code, shown = command("audit", metal)
    assert (code, "nothing disagrees" in shown) == (0, True), shown


def _reservation(count: int) -> dict[str, Any]:
    wanted = {"regionId": REGION, "accelerator": "GB300", "unit": "NVL72", "count": count}
    return {
        "metadata": {"name": "metal"},
        "spec": {"organizationId": ORGANIZATION, "projectId": PROJECT, **wanted},
    }


def _placement(reservation: dict[str, Any], count: int) -> dict[str, Any]:
    server = {"imageId": "ubuntu-24.04", "userData": base64.b64encode(USER_DATA).decode()}
    return {
        "metadata": {"name": "workers"},
        "spec": {
            "constraints": {"policy": "spread"},
            "count": count,
            "networkId": "training",
            "reservationId": reservation["metadata"]["id"],
            "serverSpec": server,
        },
    }

"""The application over a real Ironic: what customers get is what its nodes do, and the other way round."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

    def tell(self, host_id: str, name: str, value: object) -> None:
        """Write a fact into a node's ``extra``."""
        node = self.nodes()[host_id]["name"]
        self.ask("PATCH", f"/nodes/{node}", [{"path": f"/extra/{name}", "op": "add", "value": value}])


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


def run(stack: Stack, schedule: str) -> None:
    """Run a scheduled function now."""
    functions = stack.client("lambda")
    pages = functions.get_paginator("list_functions").paginate()
    names = [each["FunctionName"] for page in pages for each in page["Functions"]]
    (name,) = [name for name in names if f"-{schedule}Function-" in name]
    answer = functions.invoke(FunctionName=name)
    assert "FunctionError" not in answer, answer["Payload"].read()


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

    _a_machine_dies(metal, ironic, client, reserved, placed, servers)
    _a_rack_is_maintained(metal, ironic, client, reserved)

    client.delete(placed)
    client.delete(reserved)
    assert ironic.allocations() == []
    back = ironic.nodes()
    assert {node["provision_state"] for node in back.values()} == {"available"}
    assert {node["power_state"] for node in back.values()} == {"power off"}
    assert not [host_id for host_id, node in back.items() if node["instance_uuid"] or node["instance_info"]]
    assert not [host_id for host_id, node in back.items() if node["maintenance"] or node["fault"]]
    code, shown = command("audit", metal)
    assert (code, "nothing disagrees" in shown) == (0, True), shown


def _a_machine_dies(
    metal: Stack,
    ironic: Ironic,
    client: ReservationClient,
    reserved: str,
    placed: str,
    servers: list[dict[str, Any]],
) -> None:
    """Its server moves within the rack; the machine is repaired, and comes back."""
    victim = servers[1]["status"]
    dead, rack = victim["infrastructureRef"], victim["infrastructureRef"].rpartition("-")[0]
    ironic.unplug(dead)
    wait_until("the fault", lambda: ironic.nodes()[dead]["fault"] == "power failure")
    source = f"ironic://{ironic.url.partition('//')[2]}"
    code, shown = command("fleet_check", metal, "--source", source)
    # The schedule may have read the fleet meanwhile.
    assert code == 0, shown
    assert f"RESERVATION#{reserved.rpartition('/')[2]}" in shown or "changed: pod" not in shown, shown

    def is_replaced() -> bool:
        run(metal, "WatchProviders")
        now = {s["status"]["ordinal"]: s["status"] for s in client.read(f"{placed}/servers")}
        there = now.get(victim["ordinal"])
        return bool(there and there["infrastructureRef"] != dead and there["powerState"] == "Running")

    wait_until("the replacement", is_replaced)
    status = client.provisioned(placed)["status"]
    assert [left["infrastructureRef"] for left in status["leavingHosts"]] == [dead]
    after = client.read(f"{placed}/servers")
    assert [server["status"]["ordinal"] for server in after] == [0, 1, 2, 3]
    assert after[1]["status"]["infrastructureRef"].rpartition("-")[0] == rack
    assert ironic.nodes()[after[1]["status"]["infrastructureRef"]]["provision_state"] == "active"
    others = [server["status"]["infrastructureRef"] for server in servers if server != servers[1]]
    kept = [server["status"]["infrastructureRef"] for server in after if server["status"]["ordinal"] != 1]
    assert kept == others
    status, message = health(client, reserved)
    assert (status, dead in message) == ("degraded", True)

    ironic.unplug(dead, plug=True)
    wait_until("the recovery", lambda: ironic.nodes()[dead]["fault"] is None)

    def is_given_back() -> bool:
        run(metal, "WatchProviders")
        return not client.read(placed)["status"].get("leavingHosts")

    wait_until("the removal of the old server", is_given_back)
    ironic.tell(dead, "repaired_at", datetime.now(UTC).isoformat(timespec="seconds"))
    report = sync(metal)
    assert report["regions"][0]["lifted"] == [dead] or health(client, reserved)[0] == "healthy"
    assert health(client, reserved)[0] == "healthy"


def _a_rack_is_maintained(metal: Stack, ironic: Ironic, client: ReservationClient, reserved: str) -> None:
    """Free hosts go into Ironic's maintenance, held ones do not, and their holder reads of it."""
    held = {host_id for host_id, node in ironic.nodes().items() if node["instance_uuid"]}
    pod = min(held).rpartition("-rack")[0]
    racks = sorted({host_id.rpartition("-")[0] for host_id in ironic.nodes() if host_id.startswith(pod)})
    taken = next(rack for rack in racks if not any(host_id.startswith(rack) for host_id in held))
    told = min(held).rpartition("-")[0]
    now = datetime.now(UTC)
    body = {
        "regionId": REGION,
        "targets": [{"podId": pod, "domainId": rack} for rack in (taken, told)],
        "startTime": (now - timedelta(minutes=1)).isoformat(timespec="seconds"),
        "endTime": (now + timedelta(hours=1)).isoformat(timespec="seconds"),
        "reason": "new cables",
    }
    token = metal.token(ORGANIZATION, PROJECT, permissions=["operator"])
    for query, status in (("?dryRun=true", 200), ("", 201)):
        answer = metal.call("POST", f"/operator/v1/maintenances{query}", token=token, body=body)
        assert answer.status == status, answer.text
    path = f"/operator/v1/maintenances/{answer.json['id']}"
    (announced,) = client.read(reserved)["status"]["maintenances"]
    assert (announced["reason"], len(announced["hosts"])) == ("new cables", TRAYS)

    def aside() -> set[str]:
        run(metal, "RunMaintenances")
        return {host_id for host_id, node in ironic.nodes().items() if node["maintenance"]}

    wait_until("the maintenance", lambda: len(aside()) == TRAYS)
    assert {host_id.rpartition("-")[0] for host_id in aside()} == {taken}
    sync(metal)
    assert health(client, reserved)[0] == "healthy"
    assert metal.call("DELETE", path, token=token).status == 202
    wait_until("the end of the maintenance", lambda: not aside())
    wait_until("the end of the notice", lambda: not client.read(reserved)["status"].get("maintenances"))


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

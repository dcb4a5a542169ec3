"""`make fleet-check` over each kind of source, without a stack and with one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.providers.ironic import feed as ironic_feed
from testkit.fleet import documents
from testkit.fleet.machines import machines_of
from testkit.fleet.places import catalogue_of
from testkit.fleet.world import FleetWorld
from testkit.netbox import running_netbox
from testkit.world import HOLDERS, INVENTORY
from tools import fleet_check

if TYPE_CHECKING:
    from pathlib import Path

    from gpu_capacity.ports import Machine


class Nodes:
    """Stands for the Ironic at the address. Real ones are asked in tests/contract and tests/e2e."""

    def __init__(self) -> None:
        self.listed = machines_of(documents.document())
        self.endpoint = ""

    def at(self, endpoint: str, _secret: str, _deadline: object) -> Nodes:
        self.endpoint = endpoint
        return self

    def machines(self) -> list[Machine]:
        if not self.listed:
            raise FeedRefused(FeedRefusal.UNREACHABLE, "the nodes cannot be listed")
        return self.listed


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Nodes:
    found = Nodes()
    monkeypatch.setattr(ironic_feed, "machines_at", found.at)
    return found


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(catalogue_of(documents.document())))
    return str(path)


def check(tmp_path: Path, *arguments: str) -> int:
    return fleet_check.main([*arguments, "--state", str(tmp_path / "no stack")])


def test_one_source_is_named(tmp_path: Path) -> None:
    for arguments in ((), ("--file", "a", "--source", "b")):
        with pytest.raises(SystemExit):
            check(tmp_path, *arguments)


def test_nodes_are_validated_without_a_stack(
    tmp_path: Path, nodes: Nodes, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = check(tmp_path, "--source", "ironic://127.0.0.1:6385", "--catalogue", catalogue)
    out, err = capsys.readouterr()
    assert (code, out) == (fleet_check.APPLIED, "valid: sequence 1, 1 regions, 8 domains, 24 hosts\n")
    assert err.startswith("only validated: no local stack is running")
    assert nodes.endpoint == "http://127.0.0.1:6385"


def test_every_node_that_is_left_out_is_told(
    tmp_path: Path, nodes: Nodes, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for machine in nodes.listed:
        dict.clear(machine.facts)  # type: ignore[arg-type]
    code = check(tmp_path, "--source", "ironic://127.0.0.1:6385", "--catalogue", catalogue)
    out = capsys.readouterr().out
    assert code == fleet_check.DEFERRED
    assert len(re.findall(r"^left out: p\d-r\d-h\d: missing: region, pod, domain", out, re.MULTILINE)) == 24


def test_places_come_from_a_netbox(
    tmp_path: Path, nodes: Nodes, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tray = nodes.listed[0]
    nodes.listed = [tray]
    dict.clear(tray.facts)  # type: ignore[arg-type]
    with running_netbox() as netbox:
        netbox.rack(1, "R01", 0)
        netbox.device(tray.host_id, 1, 1.0, region="r1")
        given = ("--source", "ironic://127.0.0.1:6385", "--catalogue", catalogue, "--netbox", netbox.url)
        assert check(tmp_path, *given) == fleet_check.APPLIED
    assert "1 domains, 1 hosts" in capsys.readouterr().out


def test_nodes_that_cannot_be_listed_are_refused(
    tmp_path: Path, nodes: Nodes, catalogue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.listed = []
    code = check(tmp_path, "--source", "ironic://127.0.0.1:6385", "--catalogue", catalogue)
    assert (code, capsys.readouterr().out) == (
        fleet_check.REFUSED,
        "refused, unreachable: the nodes cannot be listed\n",
    )


@pytest.mark.parametrize("source", ["ftp://x", "http://example.com/fleet.json", "ironic://u:p@x"])
def test_what_is_no_source_is_told(tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "--source", source) == fleet_check.UNKNOWN
    assert "must be" in capsys.readouterr().err


def test_nodes_are_compared_with_a_stack_and_nothing_is_changed(
    nodes: Nodes, catalogue: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = FleetWorld()
    world.sync(documents.document(7))
    before = world.db.dump()
    settings = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "FLEET_MAX_DROP_SHARE": "0"}
    outputs = {
        "InventoryTableName": INVENTORY,
        "HoldersTableName": HOLDERS,
        "SyncInventoryFunctionName": "sync",
    }

    class Lambda:
        def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
            assert FunctionName == "sync"
            return {"Environment": {"Variables": settings}}

    clients: dict[str, Any] = {"lambda": Lambda(), "dynamodb": world.db}
    monkeypatch.setattr(fleet_check, "connect", lambda _stack, _state: (clients.__getitem__, outputs))
    nodes.listed = nodes.listed[:-2]
    given = ["--source", "ironic://127.0.0.1:6385", "--catalogue", catalogue, "--stack", "site"]
    assert fleet_check.main(given) == fleet_check.APPLIED
    out = capsys.readouterr().out
    assert "valid: sequence 8" in out
    assert "changed: pod r1/p2: 2 removed" in out
    nodes.listed = nodes.listed[:-1]
    assert fleet_check.main(given) == fleet_check.DEFERRED
    assert "deferred, drops_too_much: region r1" in capsys.readouterr().out
    assert world.db.dump() == before

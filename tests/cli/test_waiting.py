"""Waiters show how far it is, end as the holder does, and leave it alone when they are interrupted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpucap import looks
from gpucap.looks import Goal
from testkit.hostile.service import Service, _provisioned
from testkit.world import REGION
from tests.cli.terminal import Terminal, Wire, interrupt

if TYPE_CHECKING:
    import pytest

    from testkit.hostile.vm_service import VmService

RACKS = ("--accelerator", "GB300", "--unit", "NVL72", "--region", REGION, "--count", "1")
CREATE = ("reservations", "create", *RACKS)


def _newest(wire: Wire) -> str:
    return wire.requests[-1].url.path.rpartition("/")[2]


def test_a_waiter_says_what_it_waits_for_and_prints_the_end(terminal: Terminal, wire: Wire) -> None:
    terminal.meanwhile = [lambda: None, lambda: _provisioned(_newest(wire))]
    outcome = terminal.ok(*CREATE, "--wait", "--json")
    assert outcome.json["metadata"]["provisioningStatus"] == "provisioned"
    assert [line.split(",")[0] for line in outcome.err.splitlines()] == [
        "   0 s  pending",
        "   2 s  provisioned",
    ]
    assert terminal.waits == [1.0, 1.2]


def test_an_interrupted_waiter_leaves_the_holder_and_says_how_to_go_on(
    terminal: Terminal, wire: Wire
) -> None:
    terminal.meanwhile = [interrupt]
    outcome = terminal.run(*CREATE, "--wait", "--profile", "default")
    identity = _newest(wire)
    assert outcome.code == 130
    assert f"  gpucap reservations wait {identity} --profile default" in outcome.err
    assert f"  gpucap reservations delete {identity} --profile default" in outcome.err

    terminal.meanwhile = [lambda: _provisioned(identity)]
    assert "provisioned" in terminal.ok("reservations", "wait", identity).err


def test_a_waiter_ends_when_its_time_is_up(terminal: Terminal) -> None:
    outcome = terminal.run(*CREATE, "--wait", "--timeout", "10")
    assert outcome.code == 4
    assert "is still pending after" in outcome.err
    assert sum(terminal.waits) <= 10


def test_a_delete_waits_until_it_is_gone(terminal: Terminal, service: Service) -> None:
    reservation = service.ids["reservation of owner"]
    terminal.meanwhile = [interrupt]
    outcome = terminal.run("reservations", "delete", reservation, "--wait")
    assert outcome.code == 130
    assert f"gpucap reservations wait {reservation} --for gone" in outcome.err
    outcome = terminal.run("reservations", "wait", reservation)
    assert outcome.code == 7
    assert "deprovisioning" in outcome.err


def test_what_is_gone_is_an_end_only_for_who_waits_for_it(terminal: Terminal) -> None:
    absent = "a64f9269-36e0-4312-b8d1-52d93d569b7b"
    assert terminal.ok("reservations", "wait", absent, "--for", "gone").err.endswith("is gone\n")
    assert terminal.run("reservations", "wait", absent).code == 5


def test_a_waiter_for_a_stopped_vm_ends_when_it_is(vm_terminal: Terminal, renter: VmService) -> None:
    stopped = renter.ids["stopped vm of owner"]
    shown = vm_terminal.ok("vms", "wait", stopped, "--for", "stopped", "--json").json
    assert (shown["id"], shown["status"]) == (stopped, "stopped")


# What holders say of themselves


def _placement(ready: int, provisioning: str, *, current: bool, strategy: str) -> looks.Look:
    return looks.placement(
        {
            "metadata": {"id": "p", "name": "workers", "provisioningStatus": provisioning},
            "spec": {"count": 4, "updateStrategy": {"type": strategy}},
            "status": {"regionId": REGION, "readyHostCount": ready, "statusCurrent": current},
        }
    )


def test_a_placement_is_ready_when_its_servers_have_the_image_or_get_it_by_hand() -> None:
    rolling = "RollingUpdate"
    assert _placement(4, "provisioned", current=True, strategy=rolling).reached == {Goal.READY}
    assert not _placement(4, "provisioned", current=False, strategy=rolling).reached
    assert _placement(4, "provisioned", current=False, strategy="Manual").reached == {Goal.READY}
    assert not _placement(2, "provisioning", current=False, strategy="Manual").reached
    assert _placement(0, "error", current=False, strategy=rolling).failed


def test_a_claim_tells_where_it_waits() -> None:
    conditions = [
        {"type": "Allocated", "zone": "a", "reason": "InsufficientCapacity", "message": "2 allocated"},
        {"type": "Allocated", "zone": "b", "reason": "NotNeeded", "message": "none needed"},
        {"type": "Progressing", "zone": "", "reason": "InstancesPending", "message": "1 pending"},
    ]
    spec = {"id": "c", "resources": {"zones": ["a", "b"], "instanceCount": 3}}
    status = {"status": "STATUS_CREATING", "allocatedInstances": 2, "conditions": conditions}
    look = looks.claim({"capacityClaim": {"spec": spec, "status": status}})
    assert (look.state, look.message, look.have, look.want) == ("creating", "a: 2 allocated", 2, 3)
    assert not look.reached


def test_at_a_terminal_a_bar_shows_how_many_are_up(
    terminal: Terminal, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    terminal.meanwhile = [lambda: None, lambda: _provisioned(_newest(wire))]
    outcome = terminal.ok(*CREATE, "--wait", "--json")
    assert "\x1b[" in outcome.err
    assert "provisioned, 2 hosts of 1 unit are held" in outcome.err
    assert outcome.json["metadata"]["provisioningStatus"] == "provisioned"

"""The units of placements in docs/access-patterns.md, measured as that document says: 18 hosts, one unit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.act_on_server import power_placement_server, reconcile_placement_server
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.placements.read import get_placement
from gpu_capacity.placements.record import Placement, PlacementStatus, StrategyType, UpdateStrategy
from gpu_capacity.placements.servers import get_placement_server, list_placement_servers
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.placements.update import update_placement
from gpu_capacity.providers.port import PowerAction
from testkit.placements import found, place, provisioned, wish
from testkit.provider import StubbornRegion
from testkit.reservations import NOWHERE
from testkit.world import ORGANIZATION, World, caller, pod

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "access-patterns.md"
UNITS: Final = re.compile(r"(?:^|, and )(\d+)")
"""What a cell adds up, for one unit and one server; what it is made of follows a colon."""

HOSTS: Final = 18
ROLLING: Final = UpdateStrategy(StrategyType.ROLLING_UPDATE)


def documented(section: str, pattern: str) -> tuple[float, float]:
    """The (read, write) units of a row."""
    text = DOCUMENT.read_text().split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {pattern} |"))
    read, write = (sum(map(int, UNITS.findall(cell))) for cell in row.strip("| ").split(" | ")[2:4])
    return read, write


def request(pattern: str) -> tuple[float, float]:
    return documented("Requests", pattern)


def step(pattern: str) -> tuple[float, float]:
    return documented("Workflow steps", f"settle_placement, {pattern}")


class Placed:
    """A reservation of two racks in a warm environment, and a placement on 18 of its hosts."""

    def __init__(self, *, provider_outside: bool) -> None:
        self.world = World(pods=tuple(pod(f"pod-{n:016}", 8, hosts=HOSTS) for n in range(16)))
        if provider_outside:
            region = StubbornRegion(self.world.clock, self.world.behaviour)
            self.world.services = replace(self.world.services, provider=region)
        self.reservation = provisioned(self.world, 2)
        self.placement = self.place()

    def place(self) -> Placement:
        return place(self.world, self.reservation.id, HOSTS, strategy=ROLLING)

    @property
    def server_id(self) -> str:
        return self.placement.server_id(0)

    def round(self) -> Step:
        return settle_placement(self.world.services, ORGANIZATION, self.placement.id)

    def settle(self) -> None:
        while self.round() is not Step.DONE:
            self.world.clock.advance(5)

    def want(self, image_id: str) -> None:
        spec = replace(wish(self.reservation.id, HOSTS).spec, image_id=image_id, strategy=ROLLING)
        update_placement(self.world.services, caller(), self.placement.id, spec, NOWHERE)

    def delete(self) -> None:
        delete_placement(self.world.services, caller(), self.placement.id, NOWHERE)

    def units(self, act: Callable[[], object]) -> tuple[float, float]:
        """The (read, write) units of a call."""
        db = self.world.db
        read, write = db.read_units, db.write_units
        act()
        return db.read_units - read, db.write_units - write


@pytest.fixture
def outside() -> Placed:
    """The provider's calls are not counted."""
    return Placed(provider_outside=True)


@pytest.fixture
def simulated() -> Placed:
    """The provider is the simulated region, whose table is counted."""
    return Placed(provider_outside=False)


def test_create_warm(outside: Placed) -> None:
    assert outside.units(outside.place) == request("placement: create, warm")


def test_create_with_a_quota(outside: Placed) -> None:
    outside.world.set_quota(1000, "placement_servers")
    place(outside.world, outside.reservation.id)

    assert outside.units(lambda: place(outside.world, outside.reservation.id)) == request(
        "… with a quota of servers that was seen before"
    )


def test_reads(outside: Placed) -> None:
    outside.settle()
    services, this = outside.world.services, outside.placement.id
    servers = request("placement: list, get servers")
    # What is read of maintenances is kept for some seconds.
    get_placement(services, caller(), this, NOWHERE)

    assert outside.units(lambda: get_placement(services, caller(), this, NOWHERE)) == request(
        "placement: get"
    )
    assert outside.units(lambda: list_placement_servers(services, caller(), this, NOWHERE)) == servers
    assert (
        outside.units(lambda: get_placement_server(services, caller(), this, outside.server_id, NOWHERE))
        == servers
    )


@pytest.mark.parametrize("action", [PowerAction.STOP, PowerAction.REBOOT])
def test_power_actions(outside: Placed, action: PowerAction) -> None:
    outside.settle()
    services, this = outside.world.services, outside.placement.id

    assert outside.units(
        lambda: power_placement_server(services, caller(), this, outside.server_id, action, NOWHERE)
    ) == request("placement: start, stop, reboot a server")


@pytest.mark.parametrize(
    ("in_error", "pattern"),
    [
        (False, "placement: reconcile a server"),
        (True, "… of a placement in `error`, or a server that is lost"),
    ],
)
def test_reconcile(outside: Placed, pattern: str, *, in_error: bool) -> None:
    outside.settle()
    services = outside.world.services
    if in_error:
        outside.want("ubuntu-26.04")
        before = found(outside.world, outside.placement.id)
        failed = replace(before, status=PlacementStatus.ERROR, failure="it failed", unsettled_since=None)
        assert isinstance(services.placements.change(before, failed), Placement)
    this = (outside.placement.id, outside.server_id)

    assert outside.units(
        lambda: reconcile_placement_server(services, caller(), *this, None, NOWHERE)
    ) == request(pattern)


def test_update_that_starts_a_workflow(outside: Placed) -> None:
    outside.settle()
    read, record = request("placement: update")

    assert outside.units(lambda: outside.want("ubuntu-26.04")) == (read, record + 1)


def test_delete(outside: Placed) -> None:
    outside.settle()

    assert outside.units(outside.delete) == request("placement: delete")


def test_steps_of_a_deployment_and_an_update(simulated: Placed) -> None:
    assert simulated.units(simulated.round) == step("deploys")
    assert simulated.units(simulated.round) == step("looks")
    simulated.world.clock.advance(5)
    assert simulated.units(simulated.round) == step("settles `provisioned`")
    simulated.want("ubuntu-26.04")
    assert simulated.units(simulated.round) == step("rebuilds servers")


def test_steps_of_a_teardown(simulated: Placed) -> None:
    simulated.settle()
    simulated.delete()

    assert simulated.units(simulated.round) == step("begins to remove")
    simulated.world.clock.advance(5)
    assert simulated.units(simulated.round) == step("removes")


def test_an_execution_that_hands_over(simulated: Placed) -> None:
    older = simulated.placement.execution
    simulated.want("ubuntu-26.04")
    services, this = simulated.world.services, simulated.placement.id

    assert simulated.units(lambda: settle_placement(services, ORGANIZATION, this, older)) == step(
        "hands over to a newer execution"
    )

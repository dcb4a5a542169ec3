"""What takes no new holder in a region: the cordons of operators and of the document, told apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.cordon import Cordoner
from gpu_capacity.operations.list_cordons import list_cordons
from testkit.fleet.documents import document, pod, region
from testkit.fleet.world import FleetWorld

if TYPE_CHECKING:
    from gpu_capacity.operations.list_cordons import CordonList

RACK = Target(pod_id="p1", domain_id="p1-r2")


@pytest.fixture
def world() -> FleetWorld:
    made = FleetWorld()
    reported = pod("p1")
    reported["domains"][2]["cordoned"] = reported["domains"][3]["cordoned"] = True
    made.sync(document(1, [region(pods=[reported])]))
    return made


def listed(world: FleetWorld, region_id: str = "r1") -> CordonList:
    services: Any = SimpleNamespace(inventory=world.services.inventory, fleet=world.store)
    return list_cordons(services, region_id)


def test_cordons_of_operators_come_oldest_first_and_beside_those_of_the_document(world: FleetWorld) -> None:
    cordoner = Cordoner(world.store, world.telemetry, world.pause, world.clock, "operator:me")
    cordoner.cordon("r1", Target(), "power")
    world.clock.advance(60)
    cordoner.cordon("r1", RACK, "leaks")
    world.clock.advance(60)
    cordoner.cordon("r1", Target(), "power is out")

    found = listed(world)

    assert [(one.target, one.reason) for one in found.of_operators] == [
        (RACK, "leaks"),
        (Target(), "power is out"),
    ]
    assert found.of_document == (RACK, Target(pod_id="p1", domain_id="p1-r3"))


def test_a_region_that_does_not_exist_has_no_list(world: FleetWorld) -> None:
    with pytest.raises(NotFound):
        listed(world, "r9")

"""Which hosts are VM nodes, and how long the answer is cached."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.inventory.store import CATALOG_SECONDS_MAX
from testkit.vms.scene import GPU5090, NODE_OFFERING, POD, REGION, SITE, node_domain, nodes
from testkit.world import World, pod

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import Flavor, Region

NO_VMS = replace(SITE, id="aa-first-1", offerings=(), vm_flavors=())
LATER = "zz-last-1"


def _site(region_id: str, flavor: Flavor = GPU5090) -> Region:
    sold = replace(NODE_OFFERING, region_id=region_id, flavor=flavor)
    return replace(SITE, id=region_id, offerings=(sold,), vm_flavors=(flavor,))


@pytest.fixture
def world() -> World:
    """Two regions with nodes, and regions without nodes before and between them."""
    made = World(pods=(nodes(),), regions=(SITE,))
    regions = (NO_VMS, SITE, replace(NO_VMS, id="pp-between-1"), _site(LATER))
    elsewhere = replace(nodes(3), region_id=LATER)
    made.load((elsewhere,), regions)
    return made


def test_nodes_of_all_regions_are_found_by_name(world: World) -> None:
    found = world.services.inventory.nodes()

    assert {name: (n.region.id, n.position, n.host.id) for name, n in found.items()} == {
        "vm01": (REGION, 0, "host-vm01"),
        "vm02": (REGION, 1, "host-vm02"),
        "vm03": (LATER, 2, "host-vm03"),
    }
    node = found["vm03"]
    assert (node.pod, node.gpus, node.flavor) == ((LATER, GPU5090.id, POD), 8, GPU5090)


def test_a_host_of_a_larger_domain_is_no_node(world: World) -> None:
    alone = node_domain(0)
    pair = replace(alone, hosts=(alone.hosts[0], replace(node_domain(1).hosts[0], slot=1)))
    world.load((replace(nodes(version=2), domains=(pair, node_domain(1))),))

    found = world.services.inventory.nodes()

    assert found["vm01"].region.id == LATER
    assert found["vm02"].region.id == REGION


def test_a_pod_of_another_flavor_has_no_nodes(world: World) -> None:
    before = set(world.services.inventory.nodes())
    world.load((replace(pod("pod1", 2), region_id=REGION),))

    assert set(world.services.inventory.nodes()) == before


@pytest.mark.parametrize(("gpus", "names"), [(8, ["vm01", "vm02"]), (9, [])])
def test_a_node_has_at_most_as_many_gpus_as_the_largest_slice(gpus: int, names: list[str]) -> None:
    flavor = replace(GPU5090, gpu=replace(GPU5090.gpu, physical_count=gpus))
    world = World(pods=(nodes(),), regions=(_site(REGION, flavor),))

    assert sorted(world.services.inventory.nodes()) == names


def test_a_node_is_cached_for_a_minute(world: World) -> None:
    inventory = world.services.inventory
    assert inventory.known_node("vm01") is None
    node = inventory.node("vm01")
    queries = world.db.requests["query"]

    world.clock.advance(CATALOG_SECONDS_MAX - 1)
    assert inventory.node("vm01") == inventory.known_node("vm01") == node
    assert world.db.requests["query"] == queries
    world.clock.advance(1)
    assert inventory.known_node("vm01") is None
    assert inventory.node("vm01") == node
    assert world.db.requests["query"] > queries


def test_an_unknown_node_is_looked_up_every_time(world: World) -> None:
    inventory = world.services.inventory
    assert inventory.node("vm04") is None

    world.load((replace(nodes(4, version=2), region_id=LATER),))

    node = inventory.node("vm04")
    assert node is not None
    assert node.host.id == "host-vm04"

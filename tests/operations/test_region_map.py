"""The map of a region: every state, whose everything is, and both where several things are true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Cause, Cordon, Target
from gpu_capacity.inventory.model import HostState
from gpu_capacity.operations.kinds import HolderKind
from gpu_capacity.operations.region_map import MapHolder, MapState, map_of_region
from gpu_capacity.reservations.create import create_reservation
from testkit.claims import claim
from testkit.placements import place, provisioned
from testkit.world import HOLDERS, ORGANIZATION, REGION, World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.operations.region_map import MapDomain, RegionMap

FREE, HELD, PARTLY = MapState.FREE, MapState.HELD, MapState.PARTLY_HELD


def broken_pod() -> Any:
    """A pod of three racks; a tray of the last one is broken, and the second one is cordoned."""
    whole = pod("pod9", 3)
    first, second, third = whole.domains
    sick = (replace(third.hosts[0], state=HostState.UNHEALTHY), *third.hosts[1:])
    return replace(whole, domains=(first, replace(second, cordoned=True), replace(third, hosts=sick)))


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 4), broken_pod()))


def mapped(world: World) -> RegionMap:
    return map_of_region(world.services, REGION)


def domain(found: RegionMap, pod_id: str, position: int) -> MapDomain:
    (wanted,) = (p for p in found.pods if p.id == pod_id)
    return wanted.domains[position]


def mark(world: World, target: Target, cause: Cause) -> None:
    fleet = world.services.fleet
    before = fleet.cordons(REGION)
    fleet.write_cordons(before, before.with_cordon(Cordon(target, "why", 1, "me", cause)))


def test_what_nobody_has_is_free_and_what_is_no_unit_says_so(world: World) -> None:
    found = mapped(world)

    assert [d.states for d in found.pods[0].domains] == [(FREE,)] * 4
    assert domain(found, "pod9", 0).states == (FREE,)
    assert domain(found, "pod9", 1).states == (FREE, MapState.CORDONED)
    assert domain(found, "pod9", 2).states == (FREE, MapState.INCOMPLETE)
    assert [d.free_hosts for p in found.pods for d in p.domains] == [2, 2, 2, 2, 2, 0, 1]
    sick, well = domain(found, "pod9", 2).hosts
    assert sick.states == (FREE, MapState.OUT_OF_SERVICE)
    assert well.states == (FREE,)


def test_a_reserved_rack_names_its_reservation_and_its_hosts_their_placement(world: World) -> None:
    reservation = provisioned(world, 2)
    placement = place(world, reservation.id, 1)
    found = mapped(world)

    holder = MapHolder(HolderKind.RESERVATION, ORGANIZATION, reservation.id)
    server = MapHolder(HolderKind.PLACEMENT, ORGANIZATION, placement.id)
    held = [d for p in found.pods for d in p.domains if d.states[0] is HELD]
    assert [d.position for d in held] == list(reservation.positions)
    assert all(holder in d.held_by and d.free_hosts == 0 for d in held)
    ((position, mask),) = placement.hosts
    (under,) = (d for d in held if d.position == position)
    assert under.held_by == (server, holder)
    assert [server in host.held_by for host in under.hosts] == [bool(mask >> n & 1) for n in range(2)]
    assert all(holder in host.held_by for host in under.hosts)


def test_hosts_of_a_claim_are_a_part_of_their_rack_until_they_are_all_of_it() -> None:
    world = World(pods=(pod("pod1", 4),))
    made = claim(world, 3)
    found = mapped(world)

    holder = MapHolder(HolderKind.CAPACITY_CLAIM, ORGANIZATION, made.id)
    states = sorted(d.states[0] for p in found.pods for d in p.domains if holder in d.held_by)
    assert states == [HELD, PARTLY]
    (partly,) = (d for p in found.pods for d in p.domains if d.states[0] is PARTLY)
    assert sorted(host.states[0] for host in partly.hosts) == [FREE, HELD]
    assert partly.free_hosts == 1


def test_a_rack_may_be_held_cordoned_quarantined_and_in_maintenance(world: World) -> None:
    made = create_reservation(world.services, caller(), request(1)).reservation
    (position,) = made.positions
    rack = f"{made.pod_id}-rack{position:02}"
    mark(world, Target(pod_id=made.pod_id), Cause.CORDON)
    mark(world, Target(pod_id=made.pod_id, domain_id=rack), Cause.MAINTENANCE)
    mark(world, Target(host_id=f"{rack}-tray01"), Cause.QUARANTINE)
    found = mapped(world)
    (of_pod,) = (p for p in found.pods if p.id == made.pod_id)
    shown = of_pod.domains[position]

    assert of_pod.states == (MapState.CORDONED,)
    assert {*shown.states} == {
        HELD,
        MapState.CORDONED,
        MapState.IN_MAINTENANCE,
        MapState.QUARANTINED,
        MapState.INCOMPLETE,
    }
    assert shown.states[0] is HELD
    assert [host.states for host in shown.hosts] == [(HELD,), (HELD, MapState.QUARANTINED)]


def test_what_is_owned_without_a_record_is_held_by_nobody_that_is_known(world: World) -> None:
    made = create_reservation(world.services, caller(), request(1)).reservation
    world.db.delete_item(TableName=HOLDERS, Key=keys.reservation(ORGANIZATION, made.id))

    shown = domain(mapped(world), made.pod_id or "", made.positions[0])
    assert (shown.states[0], shown.held_by) == (HELD, ())


def test_pods_can_be_chosen_and_must_exist(world: World) -> None:
    assert [p.id for p in map_of_region(world.services, REGION, frozenset({"pod9"})).pods] == ["pod9"]
    with pytest.raises(NotFound):
        map_of_region(world.services, REGION, frozenset({"pod7"}))
    with pytest.raises(NotFound):
        map_of_region(world.services, "no-such-region")

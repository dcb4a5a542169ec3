"""The hosts that an organization has, with their way through the network: which, in which order, to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, NotFound
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id
from gpu_capacity.topology.paths import HeldHost, held_hosts
from testkit.claims import claim
from testkit.placements import place, provisioned
from testkit.reservations import reserve
from testkit.world import ORGANIZATION, REGION, World, caller, pod

if TYPE_CHECKING:
    from gpu_capacity.access import Caller

OTHER = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"
STRANGER = replace(caller(), organizations=frozenset({OTHER}), projects=frozenset({"*"}))


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 3), pod("pod2", 2)))


def _read(world: World, who: Caller | None = None, organization: str = ORGANIZATION) -> list[HeldHost]:
    return held_hosts(world.services, who or caller(), organization, REGION)


def _may(*permissions: Permission) -> Caller:
    return caller(permissions=frozenset({Permission.READ_TOPOLOGY, *permissions}))


def test_who_has_nothing_sees_nothing(world: World) -> None:
    assert _read(world) == []
    claim(world, 1, REGION)
    assert _read(world, STRANGER, OTHER) == []


def test_a_reservation_has_all_hosts_of_its_domains_under_region_pod_and_domain(world: World) -> None:
    reserve(world, 2)
    found = _read(world)
    domains = sorted({host.id.rpartition("-")[0] for host in found})
    assert len(found) == 4
    for host in found:
        domain_id = host.id.rpartition("-")[0]
        block = opaque_domain_id(REGION, domain_id)
        pod_id = opaque_pod_id(REGION, domain_id.partition("-")[0])
        assert host == HeldHost(host.id, host.id, (REGION, pod_id, block), block)
    assert [host.id for host in found] == [f"{domain}-tray{slot:02}" for domain in domains for slot in (0, 1)]


def test_a_server_has_the_name_that_its_placement_gave_it(world: World) -> None:
    reservation = provisioned(world, 2)
    placed = place(world, reservation.id, 3)
    named = {host.id: host.name for host in _read(world)}
    servers = {name for host, name in named.items() if name != host}
    assert servers == {f"{placed.name}-{ordinal}" for ordinal in range(3)}
    assert len(named) == 4


def test_a_claim_has_single_hosts(world: World) -> None:
    made = claim(world, 3, REGION)
    found = _read(world)
    assert (len(found), made.allocated) == (3, 3)
    assert sorted({host.block for host in found if host.block}) == sorted(
        {opaque_domain_id(REGION, f"{a.pod_id}-rack{a.position:02}") for a in made.allocations}
    )


def test_a_host_is_shown_once_whatever_it_is_held_by_and_in_one_order(world: World) -> None:
    reservation = provisioned(world, 2)
    place(world, reservation.id, 4)
    claim(world, 3, REGION)
    ids = [host.id for host in _read(world)]
    assert len(ids) == len(set(ids)) == 7
    assert ids == sorted(ids)


def test_a_host_that_is_alone_in_its_domain_is_in_no_block() -> None:
    world = World(pods=(pod("pod1", 3, hosts=1),), regions=())
    assert claim(world, 2, REGION).allocated == 2
    pod_id = opaque_pod_id(REGION, "pod1")
    assert [(host.path, host.block) for host in _read(world)] == [((REGION, pod_id), None)] * 2


@pytest.mark.parametrize(
    ("permission", "count"),
    [
        (Permission.READ_RESERVATIONS, 4),
        (Permission.READ_PLACEMENTS, 1),
        (Permission.READ_CAPACITY_CLAIMS, 2),
        (Permission.READ_VMS, 0),
    ],
)
def test_what_the_caller_may_not_read_is_left_out(world: World, permission: Permission, count: int) -> None:
    place(world, provisioned(world, 2).id, 1)
    claim(world, 2, REGION)
    assert len(_read(world, _may(permission))) == count


def test_what_is_of_another_project_is_left_out_and_claims_have_none(world: World) -> None:
    place(world, provisioned(world, 2).id, 1)
    claim(world, 2, REGION)
    assert len(_read(world, replace(caller(), projects=frozenset({"another"})))) == 2


def test_another_organization_and_a_token_without_the_permission_are_refused(world: World) -> None:
    reserve(world)
    with pytest.raises(Forbidden):
        _read(world, STRANGER)
    with pytest.raises(Forbidden):
        _read(world, caller(permissions=frozenset({Permission.READ_RESERVATIONS})))


def test_an_operator_sees_what_operators_may_read(world: World) -> None:
    reserve(world)
    claim(world, 1, REGION)
    operator = replace(STRANGER, permissions=frozenset({Permission.OPERATE}))
    assert len(_read(world, operator)) == 2
    assert len(_read(world, replace(operator, organizations=frozenset({ORGANIZATION})))) == 3


def test_a_region_that_is_not_to_be_seen_does_not_exist(world: World) -> None:
    with pytest.raises(NotFound, match="the region does not exist"):
        held_hosts(world.services, caller(), ORGANIZATION, "us-nowhere-1")

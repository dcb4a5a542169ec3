"""What the topology shows of hardware and reservations, and to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import Forbidden, ProviderUnavailable
from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id
from gpu_capacity.placements.servers import list_placement_servers
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.providers.port import ServerState
from gpu_capacity.providers.simulated.servers import SimulatedServers
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.topology.read import get_organization_topology
from gpu_capacity.topology.tree import DomainNode, HostNode, Projection, TopologyFilter
from testkit.claims import claim
from testkit.placements import place, provisioned
from testkit.reservations import NOWHERE, reserve, stored
from testkit.world import (
    EVERY_PERMISSION,
    GB300,
    INVENTORY,
    ORGANIZATION,
    PROJECT,
    REGION,
    World,
    caller,
    offering,
    pod,
    rack,
    zone,
)

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.topology.tree import RegionTopology

OTHER = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"
EVERYTHING = TopologyFilter()


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 3), pod("pod2", 2)))


def _read(
    world: World,
    who: Caller | None = None,
    organization: str = ORGANIZATION,
    wanted: TopologyFilter = EVERYTHING,
) -> list[RegionTopology]:
    return get_organization_topology(world.services, who or caller(), organization, wanted)


def _only(found: list[RegionTopology]) -> Projection:
    ((projection,),) = (region.projections for region in found)
    return projection


def _domains(projection: Projection) -> list[DomainNode]:
    return [domain for pod_node in projection.pods for domain in pod_node.domains]


def _hosts(projection: Projection) -> list[HostNode]:
    return [host for domain in _domains(projection) for host in domain.hosts]


def _reserved(projection: Projection) -> int:
    return sum(host.reserved for host in _hosts(projection))


def test_pods_domains_and_hosts_come_in_their_places(world: World) -> None:
    projection = _only(_read(world))
    assert [len(pod_node.domains) for pod_node in projection.pods] == [3, 2]
    assert [domain.name for domain in projection.pods[1].domains] == ["pod2 rack 00", "pod2 rack 01"]
    assert [host.id for host in projection.pods[1].domains[1].hosts] == [
        "pod2-rack01-tray00",
        "pod2-rack01-tray01",
    ]


def test_pods_and_domains_have_opaque_ids(world: World) -> None:
    first = _only(_read(world)).pods[0]
    assert first.id == opaque_pod_id(REGION, "pod1")
    assert first.domains[0].id == opaque_domain_id(REGION, "pod1-rack00")


def test_a_name_that_is_the_id_of_the_domain_is_not_shown() -> None:
    racks = (rack("pod1", 0, name="pod1-rack00"),)
    world = World(pods=(replace(pod("pod1", 1), domains=racks),))
    (domain,) = _domains(_only(_read(world)))
    assert domain.name is None


def test_hosts_of_a_reservation_refer_to_it_and_to_its_units(world: World) -> None:
    made = reserve(world, 2).reservation
    projection = _only(_read(world))
    (overlay,) = projection.reservations
    assert overlay.units is not None
    assert [unit.id for unit in overlay.units] == [made.unit_id(position) for position in made.positions]
    for unit in overlay.units:
        mine = [host for host in _hosts(projection) if host.unit_id == unit.id]
        assert tuple(host.id for host in mine) == unit.host_ids
        assert {(host.reserved, host.reservation_id) for host in mine} == {(True, made.id)}
    assert _reserved(projection) == 4


def test_the_overlay_shows_the_reservation_as_its_own_read_does(world: World) -> None:
    made = reserve(world, 2).reservation
    (overlay,) = _only(_read(world)).reservations
    assert overlay.observed == get_reservation(world.services, caller(), made.id, NOWHERE)


def test_the_overlay_names_a_host_in_quarantine_as_its_own_read_does(world: World) -> None:
    made = reserve(world, 2).reservation
    host = next(host.id for host in _hosts(_only(_read(world))) if host.reservation_id == made.id)
    world.services.quarantine.set(REGION, host, "does not boot")

    (overlay,) = _only(_read(world)).reservations

    assert [(one.id, one.quarantine) for one in overlay.observed.impaired] == [(host, "does not boot")]
    assert overlay.observed == get_reservation(world.services, caller(), made.id, NOWHERE)


def test_units_are_occupied_while_a_placement_has_one_of_their_hosts(world: World) -> None:
    made = reserve(world, 2).reservation
    first, second = made.positions
    before = stored(world, made.id)
    after = before.with_placement("a64f9269-36e0-4312-b8d1-52d93d569b7b", ((second, 0b10),))
    world.services.reservations.change(before, after)
    (overlay,) = _only(_read(world)).reservations
    assert overlay.units is not None
    assert {unit.id: unit.occupied for unit in overlay.units} == {
        made.unit_id(first): False,
        made.unit_id(second): True,
    }


def test_units_are_left_out_where_the_hardware_cannot_be_read(world: World) -> None:
    made = reserve(world, 1).reservation
    assert made.pod_id is not None
    world.db.delete_item(TableName=INVENTORY, Key=keys.hosts(REGION, made.pod_id))
    (overlay,) = _only(
        get_organization_topology(world.environment(), caller(), ORGANIZATION, EVERYTHING)
    ).reservations
    assert overlay.units is None


def test_hosts_of_a_claim_are_reserved_and_refer_to_nothing(world: World) -> None:
    claim(world, 1)
    projection = _only(_read(world))
    assert _reserved(projection) == 1
    assert not any(host.reservation_id for host in _hosts(projection))


@pytest.mark.parametrize(
    "changes",
    [
        {"permissions": EVERY_PERMISSION - {Permission.READ_RESERVATIONS}},
        {"projects": frozenset({"another-project"})},
        {"projects": frozenset()},
        {"organizations": frozenset({OTHER})},
    ],
    ids=["no permission", "another project", "no project", "another organization"],
)
def test_who_may_not_read_a_reservation_sees_only_that_its_hosts_are_reserved(
    world: World, changes: dict[str, frozenset[str]]
) -> None:
    reserve(world, 2)
    who = caller(**changes)
    (organization,) = who.organizations
    projection = _only(_read(world, who, organization))
    assert projection.reservations == ()
    assert {(host.reservation_id, host.unit_id) for host in _hosts(projection)} == {(None, None)}
    assert _reserved(projection) == 4


def test_an_operator_sees_the_reservations_of_every_organization_that_it_names(world: World) -> None:
    made = reserve(world, 1).reservation
    operator = caller(organizations=frozenset(), projects=frozenset(), permissions=frozenset({"operator"}))
    (overlay,) = _only(_read(world, operator)).reservations
    assert overlay.observed.id == made.id
    assert _only(_read(world, operator, OTHER)).reservations == ()


def test_the_topology_needs_its_permission_and_the_organization(world: World) -> None:
    with pytest.raises(Forbidden):
        _read(world, caller(permissions=EVERY_PERMISSION - {Permission.READ_TOPOLOGY}))
    with pytest.raises(Forbidden):
        _read(world, caller(), OTHER)


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (TopologyFilter(project_id=PROJECT), True),
        (TopologyFilter(project_id="another-project"), False),
        (TopologyFilter(reservation_id="a64f9269-36e0-4312-b8d1-52d93d569b7b"), False),
    ],
)
def test_project_and_reservation_narrow_the_overlays_and_not_the_tree(
    world: World, wanted: TopologyFilter, *, shown: bool
) -> None:
    reserve(world, 1)
    projection = _only(_read(world, wanted=wanted))
    assert bool(projection.reservations) is shown
    assert any(host.reservation_id for host in _hosts(projection)) is shown
    assert (len(_hosts(projection)), _reserved(projection)) == (10, 2)


@pytest.mark.parametrize(
    "wanted",
    [
        TopologyFilter(project_id="another-project"),
        TopologyFilter(reservation_id="a64f9269-36e0-4312-b8d1-52d93d569b7b"),
    ],
)
def test_they_do_not_narrow_the_tree_of_what_an_organization_can_no_longer_have(
    world: World, wanted: TopologyFilter
) -> None:
    place(world, provisioned(world, 2).id)
    world.load((), (replace(zone(), withdrawn=True),))
    projection = _only(_read(world, wanted=wanted))
    assert (projection.reservations, projection.placements) == ((), ())
    assert _domains(projection) == [
        replace(domain, hosts=tuple(HostNode(host.id, reserved=True) for host in domain.hosts))
        for domain in _domains(_only(_read(world)))
    ]


def test_a_reservation_is_shown_alone_if_it_is_asked_for(world: World) -> None:
    reserve(world, 1)
    second = reserve(world, 1).reservation
    (overlay,) = _only(_read(world, wanted=TopologyFilter(reservation_id=second.id))).reservations
    assert overlay.observed.id == second.id


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (TopologyFilter(region_id=REGION, accelerator="GB300", unit="NVL72"), True),
        (TopologyFilter(region_id="us-chi-1"), False),
        (TopologyFilter(accelerator="gb300"), False),
        (TopologyFilter(unit="HGX"), False),
    ],
)
def test_region_accelerator_and_unit_narrow_the_tree(
    world: World, wanted: TopologyFilter, *, shown: bool
) -> None:
    assert bool(_read(world, wanted=wanted)) is shown


@pytest.mark.parametrize(
    "change", [{"organizations": frozenset({OTHER})}, {"withdrawn": True}, {"offerings": ()}]
)
def test_of_what_it_can_no_longer_have_an_organization_sees_its_own_domains(
    world: World, change: dict[str, object]
) -> None:
    made = reserve(world, 2).reservation
    world.load((), (replace(zone(), **change),))  # type: ignore[arg-type]
    projection = _only(_read(world))
    assert [host.reservation_id for host in _hosts(projection)] == [made.id] * 4
    assert _read(world, caller(projects=frozenset())) == []


def test_each_name_of_a_flavor_has_the_reservations_that_were_made_under_it(world: World) -> None:
    second = replace(offering(), unit="RACK")
    world.load((), (replace(zone(), offerings=(offering(), second)),))
    made = reserve(world, 1, unit="RACK").reservation
    ((nvl72, racks),) = (region.projections for region in _read(world))
    assert (nvl72.unit, racks.unit) == ("NVL72", "RACK")
    assert nvl72.reservations == ()
    assert [overlay.observed.id for overlay in racks.reservations] == [made.id]
    assert _reserved(nvl72) == _reserved(racks) == 2


def test_hosts_of_a_placement_refer_to_it(world: World) -> None:
    made = place(world, provisioned(world).id, 3)
    projection = _only(_read(world))
    assert [observed.placement for observed in projection.placements] == [made]
    hosts = {(p, slot) for _, p, slot in made.slots()}
    placed = [host for host in _hosts(projection) if host.placement_id == made.id]
    assert {host.id for host in placed} == {
        f"{made.pod_id}-rack{position:02}-tray{slot:02}" for position, slot in hosts
    }
    assert all(host.reservation_id == made.reservation_id for host in placed)


def test_a_host_of_a_placement_shows_its_server(world: World) -> None:
    made = place(world, provisioned(world).id, 3)
    settle_placement(world.services, ORGANIZATION, made.id)
    world.clock.advance(600)
    shown = [host for host in _hosts(_only(_read(world))) if host.placement_id or host.server]
    servers = list_placement_servers(world.services, caller(), made.id, NOWHERE)
    assert [host.server for host in shown] == servers
    assert [host.id for host in shown] == [server.host_id for server in servers]
    assert {server.server and server.server.state for server in servers} == {ServerState.RUNNING}


def test_without_an_answer_of_the_provider_placements_have_no_servers_and_no_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(world, provisioned(world).id, 3)

    def silent(*_: object) -> None:
        raise ProviderUnavailable("no answer")

    monkeypatch.setattr(SimulatedServers, "servers", silent)
    projection = _only(_read(world))
    assert [observed.counts for observed in projection.placements] == [None]
    assert [host.server for host in _hosts(projection) if host.placement_id] == [None] * 3


@pytest.mark.parametrize("missing", [Permission.READ_PLACEMENTS, Permission.READ_RESERVATIONS])
def test_reservations_and_placements_are_shown_each_by_its_own_permission(
    world: World, missing: Permission
) -> None:
    place(world, provisioned(world).id, 3)
    projection = _only(_read(world, caller(permissions=EVERY_PERMISSION - {missing})))
    shows_placements = missing is Permission.READ_RESERVATIONS
    assert bool(projection.placements) is shows_placements
    assert bool(projection.reservations) is not shows_placements
    assert any(host.placement_id for host in _hosts(projection)) is shows_placements
    assert any(host.reservation_id for host in _hosts(projection)) is not shows_placements


def test_placements_of_other_projects_are_not_shown(world: World) -> None:
    place(world, provisioned(world).id)
    projection = _only(_read(world, caller(projects=frozenset({"another-project"}))))
    assert projection.placements == ()
    assert not any(host.placement_id for host in _hosts(projection))


def test_a_placement_is_shown_with_the_reservation_that_is_asked_for(world: World) -> None:
    first, second = provisioned(world, 1), provisioned(world, 1)
    made = place(world, second.id)
    place(world, first.id)
    (observed,) = _only(_read(world, wanted=TopologyFilter(reservation_id=second.id))).placements
    assert observed.id == made.id


def test_in_a_hidden_region_who_may_read_placements_only_sees_their_domains(world: World) -> None:
    place(world, provisioned(world, 2).id)
    world.load((), (replace(zone(), withdrawn=True),))
    projection = _only(_read(world, caller(permissions=EVERY_PERMISSION - {Permission.READ_RESERVATIONS})))
    assert [[bool(host.placement_id) for host in domain.hosts] for domain in _domains(projection)] in (
        [[True, False]],
        [[False, True]],
    )


def test_without_a_placement_none_is_looked_for(world: World) -> None:
    reserve(world, 1)
    before = world.db.requests.copy()
    _read(world)
    assert (world.db.requests - before)["query"] == 3


def test_what_was_reserved_of_a_flavor_that_is_no_longer_offered_is_beside_what_is(world: World) -> None:
    made = reserve(world, 1).reservation
    world.load((), (replace(zone(), offerings=(replace(offering(), flavor=replace(GB300, id="newer")),)),))
    ((older, newer),) = (region.projections for region in _read(world))
    assert (older.flavor_id, newer.flavor_id) == (GB300.id, "newer")
    assert [host.reservation_id for host in _hosts(older)] == [made.id] * 2
    assert (newer.pods, newer.reservations) == ((), ())


def test_a_placement_that_came_after_the_reservation_was_read_is_not_shown(world: World) -> None:
    held = provisioned(world, 2)
    place(world, held.id)
    world.db.before("query", lambda *_: place(world, held.id), skip=1)
    projection = _only(_read(world))
    assert len(projection.placements) == 1
    assert sum(bool(host.placement_id) for host in _hosts(projection)) == 1

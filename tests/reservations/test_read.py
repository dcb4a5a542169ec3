from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.access import Caller, Permission
from gpu_capacity.errors import Forbidden, NotFound
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.inventory.model import HostState, Region
from gpu_capacity.inventory.snapshot import UnitCounts
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.read import (
    ReservationFilter,
    UnitFilter,
    get_reservation,
    list_reservation_units,
    list_reservations,
)
from testkit.reservations import NOWHERE, delete, reserve, tear_down
from testkit.world import (
    GB300,
    ORGANIZATION,
    PROJECT,
    REGION,
    World,
    caller,
    offering,
    pod,
    rack,
    request,
    zone,
)

OTHER_ORGANIZATION, OTHER_PROJECT = "org-2", "project-2"
EVERYWHERE = caller(
    organizations=frozenset({ORGANIZATION, OTHER_ORGANIZATION}),
    projects=frozenset({PROJECT, OTHER_PROJECT}),
)
OPERATOR = caller(
    organizations=frozenset(), projects=frozenset(), permissions=frozenset({Permission.OPERATE})
)


@pytest.fixture
def world() -> World:
    """Four reservations: two organizations, two projects each."""
    made = World(pods=(pod("pod1", 8),))
    for organization in (ORGANIZATION, OTHER_ORGANIZATION):
        for project in (PROJECT, OTHER_PROJECT):
            asked = request(
                1,
                organization_id=organization,
                project_id=project,
                name=f"{organization[:5]}-{project[:5]}",
                tags=(Tag("project", project[:5]), Tag("team", "a")),
            )
            create_reservation(made.services, EVERYWHERE, asked)
    return made


def _names(world: World, who: Caller, **wanted: Any) -> set[str]:
    found = list_reservations(world.services, who, ReservationFilter(**wanted))
    return {observed.reservation.name for observed in found}


def _ids(world: World, who: Caller = EVERYWHERE) -> list[str]:
    found = list_reservations(world.services, who, ReservationFilter())
    return [observed.reservation.id for observed in found]


ALL = {"161b9-f113b", "161b9-proje", "org-2-f113b", "org-2-proje"}


def test_a_list_has_what_the_caller_may_see_in_order_of_id(world: World) -> None:
    assert _names(world, EVERYWHERE) == ALL
    assert _ids(world) == sorted(_ids(world))
    assert len(_ids(world)) == 4


def test_a_list_contains_only_the_callers_organizations_and_projects(world: World) -> None:
    assert _names(world, caller()) == {"161b9-f113b"}
    assert _names(world, caller(projects=frozenset({"*"}))) == {"161b9-f113b", "161b9-proje"}
    assert _names(world, caller(organizations=frozenset({"org-3"}))) == set()


def test_a_filter_for_something_the_caller_may_not_see_finds_nothing(world: World) -> None:
    assert _names(world, caller(), organizations=frozenset({OTHER_ORGANIZATION})) == set()
    assert _names(world, caller(), projects=frozenset({OTHER_PROJECT})) == set()


def test_values_of_one_filter_are_alternatives_and_different_filters_must_all_match(world: World) -> None:
    both = frozenset({PROJECT, OTHER_PROJECT})

    assert _names(world, EVERYWHERE, projects=both) == ALL
    assert _names(world, EVERYWHERE, projects=frozenset({PROJECT})) == {"161b9-f113b", "org-2-f113b"}
    assert _names(
        world, EVERYWHERE, projects=frozenset({PROJECT}), organizations=frozenset({OTHER_ORGANIZATION})
    ) == {"org-2-f113b"}


def test_reservations_can_be_filtered_by_region(world: World) -> None:
    assert _names(world, EVERYWHERE, regions=frozenset({"uk-lon-1", "nowhere"})) == ALL
    assert _names(world, EVERYWHERE, regions=frozenset({"nowhere"})) == set()


def test_all_tags_of_a_filter_must_match(world: World) -> None:
    assert _names(world, EVERYWHERE, tags=("team=a",)) == ALL
    assert _names(world, EVERYWHERE, tags=("team=a", "project=proje")) == {
        "161b9-proje",
        "org-2-proje",
    }
    assert _names(world, EVERYWHERE, tags=("team=b",)) == set()


def test_an_operator_lists_the_organizations_that_it_names(world: World) -> None:
    assert _names(world, OPERATOR) == set()
    assert _names(world, OPERATOR, organizations=frozenset({OTHER_ORGANIZATION})) == {
        "org-2-f113b",
        "org-2-proje",
    }


def test_a_list_is_read_strongly_consistently(world: World) -> None:
    world.db.read_stale(lag_writes=50)

    assert _names(world, EVERYWHERE) == ALL


def test_a_reservation_is_found_immediately_after_its_creation(world: World) -> None:
    world.db.read_stale(lag_writes=50)
    made = reserve(world)

    found = get_reservation(world.services, caller(), made.reservation.id, NOWHERE)

    # The record is read strongly consistently; the hardware may be a slightly older snapshot.
    assert found.reservation == made.reservation
    assert (found.health, found.topology_hash) == (made.health, made.topology_hash)


def test_a_reservation_of_another_organization_or_project_is_refused_as_if_it_did_not_exist(
    world: World,
) -> None:
    answers = set()
    for wanted in [*_ids(world), "a61b9d5a-701d-4fea-848d-0e345edf16e9", "no id at all", ""]:
        try:
            get_reservation(world.services, caller(), wanted, NOWHERE)
        except NotFound as refusal:
            answers.add(str(refusal))
    assert answers == {"the reservation does not exist"}
    assert sum(_is_visible(world, wanted) for wanted in _ids(world)) == 1


def _is_visible(world: World, wanted: str, who: Caller | None = None, *named: str) -> bool:
    try:
        get_reservation(world.services, who or caller(), wanted, frozenset(named))
    except NotFound:
        return False
    return True


def test_a_text_that_is_not_an_id_is_not_looked_up(world: World) -> None:
    before = world.db.requests["batch_get_item"]

    assert not _is_visible(world, "QUOTA#GB300")
    assert world.db.requests["batch_get_item"] == before


def test_an_operator_finds_a_reservation_in_the_organization_that_it_names(world: World) -> None:
    own = _ids(world, caller())[0]

    assert _is_visible(world, own, OPERATOR, ORGANIZATION)
    assert not _is_visible(world, own, OPERATOR, OTHER_ORGANIZATION)
    assert not _is_visible(world, own, OPERATOR)


def test_a_reservation_that_is_gone_is_neither_found_nor_listed(world: World) -> None:
    made = reserve(world, key="key").reservation.id
    delete(world, made)
    assert _is_visible(world, made)
    tear_down(world, made)

    assert not _is_visible(world, made)
    assert made not in _ids(world)


def test_reading_requires_the_permission(world: World) -> None:
    nobody = caller(permissions=frozenset({Permission.CREATE_RESERVATIONS}))

    with pytest.raises(Forbidden):
        list_reservations(world.services, nobody, ReservationFilter())
    with pytest.raises(Forbidden):
        get_reservation(world.services, nobody, "x", NOWHERE)
    with pytest.raises(Forbidden):
        list_reservation_units(world.services, nobody, UnitFilter())


def test_a_list_reads_each_pod_once(world: World) -> None:
    before = world.db.requests["batch_get_item"]

    _ids(world)

    assert world.db.requests["batch_get_item"] == before + 1


# Offerings.

HGX = replace(GB300, id="g.8.h200")


def _sites() -> World:
    london = Region("uk-lon-1", frozenset(), (offering("uk-lon-1"),), 1)
    chicago = Region("us-chi-1", frozenset({ORGANIZATION}), (offering("us-chi-1"),), 1)
    hidden = Region("zz-hid-1", frozenset({"other"}), (offering("zz-hid-1"),), 1)
    broken = rack("c", 6, states={1: HostState.MISSING}), rack("c", 7, states={0: HostState.OUT_OF_SERVICE})
    in_chicago = pod("c", 6, region_id="us-chi-1")
    made = World(
        pods=(
            pod("l", 8),
            replace(in_chicago, domains=(*in_chicago.domains, *broken)),
            pod("h", 3, region_id="zz-hid-1"),
        ),
        regions=(london, chicago, hidden),
    )
    _hold(made, "l", "uk-lon-1", 3, 4, 6, 7)
    _hold(made, "c", "us-chi-1", 0, 1, 4, 5)
    return made


def _hold(world: World, pod_id: str, region_id: str, *positions: int) -> None:
    world.db.update_item(
        TableName="inventory",
        Key={"pk": {"S": f"CLAIMS#{region_id}#{GB300.id}"}, "sk": {"S": f"POD#{pod_id}"}},
        UpdateExpression="SET " + ", ".join(f"d{position} = :holder" for position in positions),
        ExpressionAttributeValues={":holder": {"B": b"a-holder"}},
    )


def _offers(world: World, who: Caller, **wanted: Any) -> dict[str, UnitCounts]:
    found = list_reservation_units(world.services, who, UnitFilter(**wanted))
    return {sold.region_id: counts for sold, counts in found}


def test_the_figures_of_both_published_sites_are_reproduced() -> None:
    offers = _offers(_sites(), caller())

    assert offers == {
        "uk-lon-1": UnitCounts(total=8, available=4, largest_run=3),
        "us-chi-1": UnitCounts(total=6, available=2, largest_run=2),
    }


def test_cordoned_units_count_in_the_total_and_are_not_available() -> None:
    cordoned = (rack("pod1", 0, cordoned=True), rack("pod1", 1, cordoned=True), rack("pod1", 2))
    world = World(pods=(replace(pod("pod1", 3), domains=cordoned),))
    _hold(world, "pod1", REGION, 0)

    assert _offers(world, caller()) == {REGION: UnitCounts(total=3, available=1, largest_run=1)}


def test_a_restricted_region_is_shown_to_its_organizations_and_to_operators() -> None:
    world = _sites()

    assert set(_offers(world, caller(organizations=frozenset({"other"})))) == {"uk-lon-1", "zz-hid-1"}
    assert set(_offers(world, OPERATOR)) == {"uk-lon-1", "us-chi-1", "zz-hid-1"}


def test_offerings_are_filtered_by_region_accelerator_and_unit() -> None:
    world = _sites()

    assert set(_offers(world, caller(), regions=frozenset({"us-chi-1", "zz-hid-1"}))) == {"us-chi-1"}
    assert set(_offers(world, caller(), accelerators=frozenset({"GB300", "B200"}))) == {
        "uk-lon-1",
        "us-chi-1",
    }
    assert _offers(world, caller(), accelerators=frozenset({"B200"})) == {}
    assert _offers(world, caller(), units=frozenset({"HGX"}), regions=frozenset({"uk-lon-1"})) == {}


def test_offerings_are_in_order_of_region_accelerator_and_unit() -> None:
    region = Region(
        "r",
        frozenset(),
        tuple(replace(offering("r"), accelerator=a, unit=u) for a, u in (("b", "1"), ("a", "2"), ("a", "1"))),
        1,
    )
    world = World(pods=(pod("p", 1, region_id="r"),), regions=(region,))

    found = list_reservation_units(world.services, caller(), UnitFilter())

    assert [(sold.accelerator, sold.unit) for sold, _ in found] == [("a", "1"), ("a", "2"), ("b", "1")]


def test_offerings_are_counted_on_a_fresh_read() -> None:
    world = World(pods=(pod("pod1", 4),))
    assert _offers(world, caller())["uk-lon-1"].available == 4
    create_reservation(world.environment(), caller(), request(3))
    world.db.read_stale(lag_writes=5)

    assert _offers(world, caller())["uk-lon-1"] == UnitCounts(total=4, available=1, largest_run=1)


def test_an_offering_without_hardware_is_shown_with_nothing_available() -> None:
    assert _offers(World(regions=(zone(),)), caller()) == {"uk-lon-1": UnitCounts(0, 0, 0)}

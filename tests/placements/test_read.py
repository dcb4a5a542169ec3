from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, NotFound, ProviderUnavailable
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.holders.windows import EVERYTHING, Window
from gpu_capacity.inventory.units import Health
from gpu_capacity.placements.observation import ObservedPlacement
from gpu_capacity.placements.progress import Counts
from gpu_capacity.placements.read import PlacementFilter, get_placement, list_placements
from testkit.placements import place, placement, provisioned
from testkit.provider import StubbornRegion
from testkit.reservations import NOWHERE
from testkit.world import ORGANIZATION, PROJECT, REGION, World, caller

if TYPE_CHECKING:
    from collections.abc import Sequence

OPERATOR = caller(permissions=frozenset({Permission.OPERATE}), organizations=frozenset({"other"}))
STRANGERS = {
    "organization": caller(organizations=frozenset({"other"})),
    "project": caller(projects=frozenset({"other"})),
    "operator that names nobody": OPERATOR,
}


def listed(world: World, who: Any = None, *, window: Window = EVERYTHING, **wanted: Any) -> list[str]:
    found = list_placements(world.services, who or caller(), PlacementFilter(**wanted), window)
    return [observed.id for observed in found]


def test_a_placement_is_read_with_what_the_provider_says_of_its_servers(world: World) -> None:
    made = place(world, provisioned(world).id, 3)
    observed = get_placement(world.services, caller(), made.id, NOWHERE)

    assert observed == ObservedPlacement(made, Counts(ready=0, updated=0, drifted=3, in_flight=3, stalled=0))


def test_a_read_takes_one_request_beside_the_provider(world: World) -> None:
    made = place(world, provisioned(world).id)
    # What is read of maintenances is kept for some seconds.
    get_placement(world.services, caller(), made.id, NOWHERE)
    before = world.db.requests.copy()
    get_placement(world.services, caller(), made.id, NOWHERE)

    assert world.db.requests - before == {"batch_get_item": 1, "query": 1}


@pytest.mark.parametrize("down", [False, True])
def test_a_list_asks_the_provider_once_for_all_its_placements(world: World, *, down: bool) -> None:
    region = StubbornRegion(world.clock, world.behaviour)
    world.services = replace(world.services, provider=region)
    owned = provisioned(world).id
    made = [place(world, owned, count, name=f"p-{count}") for count in (1, 2, 3)]
    region.down = down
    region.calls.clear()
    listed = list_placements(world.services, caller(), PlacementFilter())
    found = {observed.id: observed.counts for observed in listed}

    assert region.calls == ["servers_by_owner"]
    assert found == {
        one.id: None if down else Counts(ready=0, updated=0, drifted=count, in_flight=count, stalled=0)
        for one, count in zip(made, (1, 2, 3), strict=True)
    }


def test_a_list_without_placements_asks_no_provider(world: World) -> None:
    region = StubbornRegion(world.clock, world.behaviour)
    services = replace(world.services, provider=region)

    assert list_placements(services, caller(), PlacementFilter()) == []
    assert region.calls == []


def test_while_the_provider_is_silent_the_counts_are_left_out(world: World) -> None:
    class Silent:
        def servers_by_owner(self, _owners: Sequence[str]) -> Any:
            raise ProviderUnavailable("no answer")

    made = place(world, provisioned(world).id)
    services = replace(world.services, provider=Silent())  # type: ignore[arg-type]
    observed = get_placement(services, caller(), made.id, NOWHERE)

    assert observed == ObservedPlacement(made, None)
    assert observed.health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("in_flight", "stalled", "health"),
    [(0, 0, "healthy"), (1, 0, "degraded"), (1, 1, "degraded"), (4, 0, "unknown"), (4, 1, "error")],
)
def test_health_follows_from_how_many_servers_are_provisioned(
    in_flight: int, stalled: int, health: str
) -> None:
    counts = Counts(ready=0, updated=0, drifted=4, in_flight=in_flight, stalled=stalled)

    assert ObservedPlacement(placement(count=4), counts).health is Health(health)


@pytest.mark.parametrize("who", STRANGERS)
def test_a_placement_of_others_does_not_exist(world: World, who: str) -> None:
    made = place(world, provisioned(world).id)

    with pytest.raises(NotFound, match="the placement does not exist"):
        get_placement(world.services, STRANGERS[who], made.id, NOWHERE)
    assert listed(world, STRANGERS[who]) == []


@pytest.mark.parametrize("name", ["c20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3", "", "x", "\ud800"])
def test_an_unknown_placement_does_not_exist(world: World, name: str) -> None:
    with pytest.raises(NotFound, match="the placement does not exist"):
        get_placement(world.services, caller(), name, NOWHERE)


def test_an_operator_reads_where_it_names_the_organization(world: World) -> None:
    made = place(world, provisioned(world).id)
    named = frozenset({ORGANIZATION})

    assert get_placement(world.services, OPERATOR, made.id, named).placement == made
    assert listed(world, OPERATOR, organizations=named) == [made.id]


def test_a_token_without_the_permission_reads_nothing(world: World) -> None:
    powerless = caller(permissions=frozenset({Permission.READ_RESERVATIONS}))

    with pytest.raises(Forbidden):
        get_placement(world.services, powerless, "x", NOWHERE)
    with pytest.raises(Forbidden):
        listed(world, powerless)


def test_a_list_has_what_matches_every_filter_in_the_order_of_ids(world: World) -> None:
    one, two = provisioned(world, 1), provisioned(world, 1)
    first = place(world, one.id, tags=(Tag("a", "b"),), network_id="net-1")
    second = place(world, two.id, network_id="net-2")
    both = sorted([first.id, second.id])

    assert listed(world) == both
    assert listed(world, window=Window(limit=1)) == both[:1]
    filters: tuple[dict[str, Any], ...] = (
        {"reservations": frozenset({one.id})},
        {"networks": frozenset({"net-1"})},
        {"tags": ("a=b",)},
        {"networks": frozenset({"net-1", "net-2"}), "tags": ("a=b",)},
    )
    for wanted in filters:
        assert listed(world, **wanted) == [first.id]
    for field, value in (("projects", PROJECT), ("regions", REGION), ("organizations", ORGANIZATION)):
        either: dict[str, Any] = {field: frozenset({value, "x"})}
        neither: dict[str, Any] = {field: frozenset({"x"})}
        assert listed(world, **either) == both
        assert listed(world, **neither) == []

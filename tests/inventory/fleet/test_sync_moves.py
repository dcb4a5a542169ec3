"""Hosts that move while they are held: no other holder gets them, and later documents do not change that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.inventory.model import HostState
from testkit.fleet.documents import document, host, pod, region
from testkit.world import INVENTORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.fleet.world import FleetWorld

MOVED, OTHER = "p1-r0-h0", "p2-r0-h0"
PLACES = {
    "within the pod": ("r1", "p1", 1),
    "to another pod": ("r1", "p2", 0),
    "to another region": ("r2", "p3", 0),
}
PARTS = {
    "the tray of a capacity claim": {"00ff00ff00ff00ff": {"N": "1"}},
    "another tray of the rack": {"00ff00ff00ff00ff": {"N": "4"}},
    "GPUs of a VM": {"g00ff00ff00ff00ff": {"N": "3"}},
}


def fleet(sequence: int) -> dict[str, Any]:
    return document(sequence, [region(), region("r2", [pod("p3")])])


def rack_of(content: dict[str, Any], place: tuple[str, str, int]) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (
        d
        for r in content["regions"]
        for p in r["pods"]
        for d in p["domains"]
        if (r["id"], p["id"], d["position"]) == place
    )
    return found


def swapped(sequence: int, place: tuple[str, str, int]) -> dict[str, Any]:
    """The first host of the first rack has changed places with the first one of the rack at ``place``."""
    content = fleet(sequence)
    one, two = rack_of(content, ("r1", "p1", 0))["hosts"][0], rack_of(content, place)["hosts"][0]
    one["id"], two["id"] = two["id"], one["id"]
    return content


def places_of(world: FleetWorld, host_id: str) -> list[tuple[str, str, int, HostState]]:
    stored = world.store.read(["r1", "r2"])
    return [
        (*key, d.position, h.state)
        for key, p in stored.pods.items()
        for d in p.pod.domains
        for h in d.hosts
        if h.id == host_id
    ]


def for_sale(world: FleetWorld, place: tuple[str, str, int]) -> bool:
    shape = world.pod(place[1], place[0]).shape
    assert shape is not None
    return next(d.complete for d in shape.domains if d.position == place[2])


def hold_parts(world: FleetWorld, parts: dict[str, Any]) -> None:
    key = {"pk": {"S": "CLAIMS#r1#flavor-a"}, "sk": {"S": "POD#p1"}}
    write = Update("claim", INVENTORY, key, "SET d0 = :parts", values={":parts": {"M": parts}})
    assert isinstance(Database(world.db).commit(write), Committed)


def whole(world: FleetWorld) -> None:
    assert world.hold("p1", 0)


def in_parts(parts: dict[str, Any]) -> Callable[[FleetWorld], None]:
    return lambda world: hold_parts(world, parts)


HOLDS = {"the whole rack": whole, **{name: in_parts(parts) for name, parts in PARTS.items()}}


@pytest.mark.parametrize("holds", HOLDS.values(), ids=HOLDS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_held_host_stays_where_it_is_held_and_is_not_sold_anywhere(
    world: FleetWorld, place: tuple[str, str, int], holds: Callable[[FleetWorld], None]
) -> None:
    world.sync(fleet(1))
    holds(world)

    report = world.sync(swapped(2, place))

    assert report.refused is None
    assert places_of(world, MOVED) == [("r1", "p1", 0, HostState.MISSING)]
    assert not for_sale(world, place)
    withheld = {r.region_id: r.withheld for r in report.regions}
    assert MOVED in withheld[place[0]]
    assert rack_of(fleet(1), place)["hosts"][0]["id"] in withheld["r1"]
    assert world.telemetry.counts["HostsWithheld"] == 2
    assert any(MOVED in str(details["hosts_withheld"]) for _, details in world.telemetry.lines)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_later_documents_do_not_change_where_a_host_is_held(
    world: FleetWorld, place: tuple[str, str, int]
) -> None:
    world.sync(fleet(1))
    world.hold("p1", 0)
    on_its_way = fleet(2)
    rack_of(on_its_way, ("r1", "p1", 0))["hosts"][0] = host("spare", 0)

    world.sync(on_its_way)
    for sequence in (3, 4):
        world.sync(swapped(sequence, place))

    assert places_of(world, MOVED) == [("r1", "p1", 0, HostState.MISSING)]
    assert not for_sale(world, place)


def test_the_rest_of_the_fleet_is_updated_meanwhile(world: FleetWorld) -> None:
    world.sync(fleet(1))
    world.hold("p1", 0)
    content = swapped(2, ("r1", "p2", 0))
    rack_of(content, ("r1", "p2", 3))["hosts"][0]["state"] = "unhealthy"
    rack_of(content, ("r1", "p1", 3))["cordoned"] = True

    world.sync(content)

    assert world.domain("p2", 3).hosts[0].state is HostState.UNHEALTHY
    assert world.domain("p1", 3).cordoned


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_after_the_release_the_same_document_puts_both_hosts_where_they_are(
    world: FleetWorld, place: tuple[str, str, int]
) -> None:
    world.sync(fleet(1))
    world.hold("p1", 0)
    world.sync(swapped(2, place))
    other = rack_of(fleet(1), place)["hosts"][0]["id"]
    world.release("p1", 0)

    report = world.sync(swapped(2, place))

    assert places_of(world, MOVED) == [(*place, HostState.IN_SERVICE)]
    assert places_of(world, other) == [("r1", "p1", 0, HostState.IN_SERVICE)]
    assert for_sale(world, place)
    assert for_sale(world, ("r1", "p1", 0))
    assert all(r.deferred == r.withheld == () for r in report.regions)


@pytest.mark.parametrize("holds", HOLDS.values(), ids=HOLDS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("nth", range(5))
def test_a_holder_that_comes_between_read_and_write_keeps_its_hosts(
    world: FleetWorld, place: tuple[str, str, int], holds: Callable[[FleetWorld], None], nth: int
) -> None:
    """The holder comes before the nth write of the run, as soon as the version that was read allows it."""
    world.sync(fleet(1))
    given: list[set[tuple[int, str]]] = []
    seen = 0

    def standing() -> set[tuple[int, str]]:
        return {(h.slot, h.id) for h in world.domain("p1", 0).hosts}

    def claim(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == nth + 1:
            given.append(standing())
            holds(world)

    world.db.before("transact_write_items", claim, times=None)
    world.sync(swapped(2, place))

    for hosts in given:
        assert hosts <= standing()
    for host_id in (MOVED, OTHER):
        assert len(places_of(world, host_id)) <= 1


def test_hosts_that_change_slots_after_they_were_given_to_a_claim_stay_with_it(world: FleetWorld) -> None:
    """A host in a mask is identified by its slot, which must not get another host after the claim."""
    world.sync(fleet(1))
    content = fleet(2)
    trays = rack_of(content, ("r1", "p1", 0))["hosts"]
    trays[0]["id"], trays[1]["id"] = trays[1]["id"], trays[0]["id"]
    rival = world.db.before(
        "transact_write_items", lambda *_: hold_parts(world, PARTS["the tray of a capacity claim"])
    )

    world.sync(content)

    assert rival.fired == 1
    assert [(h.id, h.state) for h in world.domain("p1", 0).hosts] == [
        ("p1-r0-h0", HostState.MISSING),
        ("p1-r0-h1", HostState.MISSING),
        ("p1-r0-h2", HostState.IN_SERVICE),
    ]

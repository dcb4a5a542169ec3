"""Search over the holders of all organizations: each filter, and both ends of an age."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.find_holders import HolderSearch, entry_of, find_holders
from gpu_capacity.operations.kinds import HolderKind, kind_of
from testkit.claims import claim
from testkit.placements import place, provisioned
from testkit.world import ORGANIZATION, REGION, World, pod

HERE = frozenset({REGION})


class Scene:
    """A reservation of two racks, a placement on one of its hosts, and a claim of three, a minute apart."""

    def __init__(self) -> None:
        self.world = World(pods=(pod("pod1", 4),))
        self.reservation = provisioned(self.world, 2)
        self.world.clock.advance(60)
        self.placement = place(self.world, self.reservation.id, 1)
        self.world.clock.advance(60)
        self.claim = claim(self.world, 3)
        self.world.clock.advance(60)

    def found(self, **wanted: Any) -> list[str]:
        records = find_holders(self.world.services, HolderSearch(**wanted))
        return [kind_of(record).value for record in records]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_everything_is_listed_the_oldest_first(scene: Scene) -> None:
    assert scene.found() == ["reservation", "placement", "capacityClaim"]
    assert scene.found(regions=HERE) == scene.found()
    assert scene.found(regions=frozenset({"elsewhere"})) == []


def test_kind_status_and_organization_narrow_the_list(scene: Scene) -> None:
    assert scene.found(kinds=frozenset({HolderKind.PLACEMENT})) == ["placement"]
    assert scene.found(statuses=frozenset({"provisioned", "STATUS_READY"})) == [
        "reservation",
        "capacityClaim",
    ]
    assert scene.found(organizations=frozenset({"another"})) == []
    assert len(scene.found(organizations=frozenset({ORGANIZATION, "another"}))) == 3


def test_age_narrows_the_list_from_both_sides(scene: Scene) -> None:
    age = scene.world.clock.now() - scene.placement.created_at

    assert scene.found(older_than=age) == ["reservation", "placement"]
    assert scene.found(younger_than=age) == ["placement", "capacityClaim"]
    assert scene.found(older_than=age, younger_than=age) == ["placement"]


def test_hardware_finds_who_has_something_of_it(scene: Scene) -> None:
    ((position, mask),) = scene.placement.hosts
    rack, slot = f"pod1-rack{position:02}", mask.bit_length() - 1
    taken, other = (Target(host_id=f"{rack}-tray{n:02}") for n in (slot, 1 - slot))
    (claimed, *_) = scene.claim.allocations

    assert len(scene.found(regions=HERE, target=Target(pod_id="pod1"))) == 3
    assert scene.found(regions=HERE, target=Target(pod_id="pod1", domain_id=rack)) == [
        "reservation",
        "placement",
    ]
    assert scene.found(regions=HERE, target=taken) == ["reservation", "placement"]
    assert scene.found(regions=HERE, target=other) == ["reservation"]
    of_claim = Target(pod_id="pod1", domain_id=f"pod1-rack{claimed.position:02}")
    assert scene.found(regions=HERE, target=of_claim) == ["capacityClaim"]


def test_hardware_that_does_not_exist_is_no_empty_list(scene: Scene) -> None:
    for target in (Target(pod_id="pod7"), Target(host_id="x"), Target(pod_id="pod1", domain_id="x")):
        with pytest.raises(NotFound):
            scene.found(regions=HERE, target=target)


def test_a_list_is_limited_and_goes_on_after_an_entry(scene: Scene) -> None:
    first = find_holders(scene.world.services, HolderSearch(), limit=2)
    rest = find_holders(scene.world.services, HolderSearch(), entry_of(first[-1]))

    assert [record.id for record in (*first, *rest)] == [
        scene.reservation.id,
        scene.placement.id,
        scene.claim.id,
    ]


def test_a_search_scans_nothing(scene: Scene) -> None:
    before = scene.world.db.requests.copy()
    scene.found(regions=HERE, kinds=frozenset({HolderKind.RESERVATION}))

    assert scene.world.db.requests - before == {"query": 8, "batch_get_item": 1}

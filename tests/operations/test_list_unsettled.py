"""Unsettled records: the longest unsettled first, with what each waits for and the execution to look for."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.operations.kinds import HolderKind, kind_of
from gpu_capacity.operations.list_unsettled import list_unsettled
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from testkit.placements import place, provisioned
from testkit.world import World, caller, pod, request

NOWHERE: frozenset[str] = frozenset()


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 6),))


def listed(world: World, **wanted: Any) -> list[tuple[str, str]]:
    return [(kind_of(one.record).value, one.waits_for) for one in list_unsettled(world.services, **wanted)]


def test_what_is_settled_is_not_listed(world: World) -> None:
    provisioned(world, 1)
    assert listed(world) == []


def test_each_record_says_what_it_waits_for_the_longest_unsettled_first(world: World) -> None:
    reservation = provisioned(world, 2)
    placement = place(world, reservation.id, 1)
    world.clock.advance(60)
    other = create_reservation(world.services, caller(), request(1)).reservation
    assert listed(world) == [
        ("placement", "the provider, to bring its servers up"),
        ("reservation", "the provider, to hold its hosts"),
    ]

    world.clock.advance(60)
    delete_placement(world.services, caller(), placement.id, NOWHERE)
    world.clock.advance(60)
    delete_reservation(world.services, caller(), other.id, NOWHERE)
    assert listed(world) == [
        ("placement", "the provider, to remove its servers"),
        ("reservation", "its placements and the provider, to let go of its hosts"),
    ]
    _, found = list_unsettled(world.services)
    assert found.execution == f"deprovision-{other.id}-{other.created_at}-0"
    assert found.since == world.clock.now()


def test_kind_and_age_narrow_the_list(world: World) -> None:
    reservation = provisioned(world, 2)
    place(world, reservation.id, 1)
    world.clock.advance(60)
    create_reservation(world.services, caller(), request(1))

    assert [kind for kind, _ in listed(world, older_than=60)] == ["placement"]
    assert [kind for kind, _ in listed(world, kinds=frozenset({HolderKind.RESERVATION}))] == ["reservation"]
    assert listed(world, older_than=61) == []

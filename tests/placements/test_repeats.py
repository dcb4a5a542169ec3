"""A repeat of a create gets the placement of the first request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.errors import (
    Conflict,
)
from gpu_capacity.placements.delete import delete_placement
from testkit.placements import provisioned
from testkit.reservations import NOWHERE, delete, stored
from testkit.world import World, caller
from tests.placements.creating import create, records


def test_a_repeat_with_the_key_gets_the_placement_of_the_first_request(world: World) -> None:
    reservation = provisioned(world, 1)
    first = create(world, reservation.id, 2, idempotency_key="k").placement
    world.workflows.executions.clear()
    again = create(world, reservation.id, 2, idempotency_key="k", services=world.environment()).placement

    assert again == first
    assert records(world) == 1
    assert first.execution in world.workflows


def test_a_repeat_is_answered_when_the_reservation_is_full_or_going(world: World) -> None:
    reservation = provisioned(world, 1)
    first = create(world, reservation.id, 4, idempotency_key="k").placement
    delete(world, reservation.id)

    assert create(world, reservation.id, 4, idempotency_key="k").placement == first


def test_a_key_of_another_request_is_refused(world: World) -> None:
    reservation = provisioned(world, 1)
    create(world, reservation.id, 2, idempotency_key="k")

    with pytest.raises(Conflict, match="another request"):
        create(world, reservation.id, 1, idempotency_key="k")


def test_two_tries_with_one_key_at_the_same_time_make_one_placement(world: World) -> None:
    reservation = provisioned(world, 1)
    made = []
    other = world.environment()
    world.db.before(
        "transact_write_items",
        lambda *_: made.append(create(world, reservation.id, 2, idempotency_key="k", services=other)),
        times=1,
    )
    mine = create(world, reservation.id, 2, idempotency_key="k")

    assert mine.placement == made[0].placement
    assert records(world) == 1
    assert stored(world, reservation.id).occupied == {mine.placement.id: mine.placement.hosts}


def test_equal_requests_without_a_key_are_one_if_that_is_configured(world: World) -> None:
    reservation = provisioned(world, 1)
    services = replace(world.services, limits=replace(world.services.limits, repeat_seconds=60))
    first = create(world, reservation.id, 1, services=services).placement

    assert create(world, reservation.id, 1, services=services).placement == first
    delete_placement(services, caller(), first.id, NOWHERE)
    assert create(world, reservation.id, 1, services=services).placement != first
    assert create(world, reservation.id, 1).placement != first


def test_two_equal_requests_at_the_same_time_are_one_if_that_is_configured(world: World) -> None:
    reservation = provisioned(world, 1)
    patient = replace(world.services.limits, repeat_seconds=60)
    services, other = (replace(s, limits=patient) for s in (world.services, world.environment()))
    made = []
    world.db.before(
        "transact_write_items",
        lambda *_: made.append(create(world, reservation.id, services=other)),
        times=1,
    )
    assert create(world, reservation.id, services=services).placement == made[0].placement
    assert records(world) == 1

"""A world's twin: the same state, and nothing shared that can change."""

from __future__ import annotations

from gpu_capacity.reservations.create import create_reservation
from testkit.world import World, caller, pod, request


def _state(world: World) -> tuple[object, ...]:
    return (
        world.db.dump(),
        world.clock.now(),
        dict(world.workflows.executions),
        dict(world.workflows.states),
        list(world.events.zones),
        list(world.telemetry.audits),
        list(world.pause.attempts),
    )


def test_a_twin_is_in_the_same_state_and_shares_nothing_that_changes() -> None:
    world = World(pods=(pod("pod1", 3),))
    create_reservation(world.services, caller(), request())
    world.clock.advance(5)
    before = _state(world)
    twin = world.twin()
    assert _state(twin) == before

    create_reservation(twin.services, caller(), request())
    twin.clock.advance(1)
    twin.events.freed("zone")
    twin.pause(1)

    assert _state(world) == before
    assert all(one != other for one, other in zip(_state(twin), before, strict=True))


def test_twins_of_one_world_draw_the_same_ids_and_none_that_it_has_drawn() -> None:
    world = World(pods=(pod("pod1", 3),))
    first = create_reservation(world.services, caller(), request()).reservation.id
    ids = [create_reservation(world.twin().services, caller(), request()).reservation.id for _ in range(2)]
    assert ids[0] == ids[1] != first

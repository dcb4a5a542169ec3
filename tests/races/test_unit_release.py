"""A release of units and a rival in every order of their calls: each comes first, or is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import InsufficientCapacity, NotFound, PreconditionFailed, StateConflict
from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.observation import Observed
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.reservations.release_units import Released, release_units
from gpu_capacity.reservations.releasing import release_leaving
from testkit.auditor import audit, units_held
from testkit.interleaving import every_interleaving
from testkit.placements import PLACEMENT_ID
from testkit.reservations import NOWHERE, provision, stored, tear_down, unit_release
from testkit.world import ORGANIZATION, World, caller, pod, rack, request

if TYPE_CHECKING:
    from collections.abc import Callable

    Client = Callable[[], object]


def _provisioned(racks: int = 3) -> tuple[World, Reservation]:
    world = World(pods=(pod("pod1", racks, hosts=1),), trusting=True)
    made = create_reservation(world.services, caller(), request(racks)).reservation
    provision(world, made.id)
    return world, stored(world, made.id)


def _releaser(world: World, made: Reservation, *numbers: int) -> Client:
    wanted = unit_release(world.environment(), made, *numbers)
    return lambda: release_units(world.environment(), caller(), made.id, NOWHERE, lambda: wanted)


def _names(results: list[object]) -> list[str]:
    return [type(result).__name__ for result in results]


def test_of_two_releases_with_one_tag_one_is_refused_as_stale() -> None:
    winners = set()
    for schedule in every_interleaving():
        world, made = _provisioned()
        results = schedule.run(world.db, [_releaser(world, made, 0), _releaser(world, made, 1)])

        assert sorted(_names(results)) == ["PreconditionFailed", "Released"]
        winners.add(_names(results)[0])
        assert stored(world, made.id).owned_units == 2
        assert audit(world.db) == []
    assert winners == {"PreconditionFailed", "Released"}


def test_a_release_and_a_delete_leave_nothing_behind() -> None:
    seen = set()
    for schedule in every_interleaving():
        world, made = _provisioned()
        deleter = partial(delete_reservation, world.environment(), caller(), made.id, NOWHERE)
        results = schedule.run(world.db, [_releaser(world, made, 1), deleter])

        assert results[1] is None
        assert isinstance(results[0], Released | StateConflict)
        seen.add(type(results[0]))
        assert stored(world, made.id).status is Status.DEPROVISIONING
        assert tear_down(world, made.id) == {"outcome": "done"}
        assert units_held(world.db) == 0
        assert audit(world.db, now=world.clock.now()) == []
    assert seen == {Released, StateConflict}


def test_hardware_that_changes_meanwhile_comes_before_a_release_or_after_it() -> None:
    seen = set()
    for schedule in every_interleaving():
        world, made = _provisioned()
        domains = tuple(rack("pod1", n, hosts=1) for n in range(3))
        other = replace(domains[2], hosts=(replace(domains[2].hosts[0], id="another"),))
        changed = replace(pod("pod1", 3, hosts=1, version=2), domains=(*domains[:2], other))
        results = schedule.run(world.db, [_releaser(world, made, 0), partial(world.load, (changed,))])

        assert isinstance(results[0], Released | PreconditionFailed)
        seen.add(type(results[0]))
        assert audit(world.db) == []
    assert seen == {Released, PreconditionFailed}


def test_a_release_and_a_placement_on_the_unit_exclude_each_other() -> None:
    seen = set()
    for schedule in every_interleaving():
        world, made = _provisioned()

        def place(world: World = world, made: Reservation = made) -> object:
            """What a new placement writes into the reservation."""
            store = world.environment().reservations
            found = store.get(ORGANIZATION, made.id)
            assert found is not None
            if made.positions[0] not in found.positions:
                return None
            return store.change(found, found.with_placement(PLACEMENT_ID, ((made.positions[0], 1),)))

        results = schedule.run(world.db, [_releaser(world, made, 0), place])

        after = stored(world, made.id)
        placed = isinstance(results[1], Reservation)
        assert placed == bool(after.occupied)
        assert placed == (type(results[0]).__name__ == "UnitsOccupied")
        assert results[1] is None or isinstance(results[1], Refused | Reservation)
        seen.add(placed)
    assert seen == {True, False}


def test_nobody_gets_a_released_unit_before_it_is_free() -> None:
    seen = set()
    for schedule in every_interleaving(2):
        world, made = _provisioned()
        _releaser(world, made, 1)()
        release_leaving(world.services, ORGANIZATION, made.id)
        world.clock.advance(world.behaviour.delete_seconds)
        freer = partial(release_leaving, world.environment(), ORGANIZATION, made.id)
        creator = partial(create_reservation, world.environment(), caller(), request(1))
        results = schedule.run_to_an_answer(world.db, [freer, creator])

        assert results[0] is Step.DONE
        assert isinstance(results[1], Observed | InsufficientCapacity)
        seen.add(type(results[1]))
        assert audit(world.db) == []
    assert seen == {Observed, InsufficientCapacity}


def test_two_workflows_free_the_units_once_beside_a_second_release() -> None:
    for schedule in every_interleaving(1):
        world, made = _provisioned()
        _releaser(world, made, 0)()
        release_leaving(world.services, ORGANIZATION, made.id)
        world.clock.advance(world.behaviour.delete_seconds)
        freer = partial(release_leaving, world.environment(), ORGANIZATION, made.id)
        results = schedule.run(world.db, [freer, freer, _releaser(world, stored(world, made.id), 1)])

        assert isinstance(results[2], Released), results
        for _ in range(3):
            release_leaving(world.services, ORGANIZATION, made.id)
            world.clock.advance(world.behaviour.delete_seconds)
        after = stored(world, made.id)
        assert (after.owned_units, after.leaving, after.is_unsettled) == (1, (), False)
        assert units_held(world.db) == 1
        assert audit(world.db, now=world.clock.now()) == []


def test_a_release_after_the_last_read_of_a_removal_is_not_found() -> None:
    world, made = _provisioned()
    releaser = _releaser(world, made, 0)
    delete_reservation(world.services, caller(), made.id, NOWHERE)
    tear_down(world, made.id)

    try:
        outcome: object = releaser()
    except NotFound as error:
        outcome = error
    assert isinstance(outcome, NotFound)

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.deadline import Deadline
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import Forbidden, NotFound
from gpu_capacity.placements.delete import PlacementsOfReservations, delete_placement
from gpu_capacity.placements.record import Placement, PlacementStatus
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.reservations.delete import delete_reservation
from testkit.placements import found, place, provisioned
from testkit.reservations import NOWHERE, stored
from testkit.world import ORGANIZATION, World, caller

GOING = PlacementStatus.DEPROVISIONING


def delete(world: World, placement_id: str) -> None:
    delete_placement(world.services, caller(), placement_id, NOWHERE)


def test_a_delete_marks_the_placement_and_begins_its_teardown(world: World) -> None:
    placement = place(world, provisioned(world).id, 2)
    world.clock.advance(60)
    delete(world, placement.id)

    going = found(world, placement.id)
    assert (going.status, going.deleted_at, going.unsettled_since) == (
        GOING,
        world.clock.now(),
        going.deleted_at,
    )
    assert going.execution != placement.execution
    assert going.execution in world.workflows


def test_its_hosts_stay_taken_until_the_servers_are_gone(world: World) -> None:
    reservation = provisioned(world)
    placement = place(world, reservation.id, 2)
    delete(world, placement.id)

    assert stored(world, reservation.id).occupied == {placement.id: placement.hosts}


def test_a_repeated_delete_changes_nothing_and_starts_nothing(world: World) -> None:
    placement = place(world, provisioned(world).id)
    delete(world, placement.id)
    going, started = found(world, placement.id), len(world.workflows)
    world.clock.advance(60)
    delete(world, placement.id)

    assert found(world, placement.id) == going
    assert len(world.workflows) == started


def test_a_delete_wins_over_a_workflow_that_settles_at_the_same_time(world: World) -> None:
    placement = place(world, provisioned(world).id)

    def begin(*_: object) -> None:
        settled = replace(placement, status=PlacementStatus.PROVISIONING)
        assert not isinstance(world.services.placements.change(placement, settled), Refused)

    world.db.before("put_item", begin, times=1)
    delete(world, placement.id)
    assert found(world, placement.id).status is GOING


def test_what_is_gone_meanwhile_does_not_exist(world: World) -> None:
    placement = place(world, provisioned(world).id)

    def remove(*_: object) -> None:
        assert world.services.placements.remove(placement, world.clock.now()) is None

    world.db.before("put_item", remove, times=1)
    with pytest.raises(NotFound):
        delete(world, placement.id)


def test_a_token_without_the_permission_deletes_nothing(world: World) -> None:
    placement = place(world, provisioned(world).id)
    powerless = caller(permissions=caller().permissions - {Permission.DELETE_PLACEMENTS})

    with pytest.raises(Forbidden):
        delete_placement(world.services, powerless, placement.id, NOWHERE)


def test_an_operator_deletes_where_it_names_the_organization(world: World) -> None:
    placement = place(world, provisioned(world).id)
    operator = caller(permissions=frozenset({Permission.OPERATE}), organizations=frozenset({"other"}))

    with pytest.raises(NotFound):
        delete_placement(world.services, operator, placement.id, NOWHERE)
    delete_placement(world.services, operator, placement.id, frozenset({ORGANIZATION}))
    assert found(world, placement.id).status is GOING


def key_of(placement: Placement) -> tuple[str, str]:
    return placement.organization_id, placement.id


def release(world: World, reservation_id: str) -> bool:
    return world.services.dependants.release(stored(world, reservation_id))


def test_all_placements_of_a_reservation_are_deleted_with_it_once(world: World) -> None:
    reservation = provisioned(world)
    placements = [place(world, reservation.id, count) for count in (1, 2)]
    delete(world, placements[0].id)

    assert not release(world, reservation.id)
    going = [found(world, placement.id) for placement in placements]
    assert [placement.status for placement in going] == [GOING, GOING]
    assert all(placement.execution in world.workflows for placement in going)
    world.clock.advance(60)
    assert not release(world, reservation.id)
    assert [found(world, placement.id) for placement in placements] == going


def test_a_reservation_without_placements_has_nothing_to_wait_for(world: World) -> None:
    assert release(world, provisioned(world).id)


def test_placements_for_which_there_is_no_time_are_deleted_by_the_next_call(world: World) -> None:
    reservation = provisioned(world)
    placements = [place(world, reservation.id) for _ in range(4)]
    times = iter([0.0, 0.0, 20.0, 56.0])
    deadline = Deadline(lambda: next(times))
    deadline.arm(60)
    services = world.services
    hurried = PlacementsOfReservations(
        services.placements, world.workflows, world.telemetry, world.clock, world.pause, deadline
    )
    assert not hurried.release(stored(world, reservation.id))
    assert sum(found(world, placement.id).status is GOING for placement in placements) == 2
    assert not release(world, reservation.id)
    assert all(found(world, placement.id).status is GOING for placement in placements)


def test_a_placement_that_is_gone_already_does_not_keep_the_others(world: World) -> None:
    reservation = provisioned(world)
    gone, other = place(world, reservation.id), place(world, reservation.id)
    assert world.services.placements.remove(gone, world.clock.now()) is None

    assert not release(world, reservation.id)
    assert found(world, other.id).status is GOING


def test_a_deleted_reservation_waits_until_its_placements_have_given_their_hosts_back(world: World) -> None:
    reservation = provisioned(world)
    placements = [place(world, reservation.id, count) for count in (1, 2)]
    for placement in placements:
        assert settle_placement(world.services, *key_of(placement)) == "waiting"
    delete_reservation(world.services, caller(), reservation.id, NOWHERE)

    assert not release(world, reservation.id)
    assert [settle_placement(world.services, *key_of(p)) for p in placements] == ["waiting", "waiting"]
    assert not release(world, reservation.id)
    world.clock.advance(world.behaviour.delete_seconds)
    assert [settle_placement(world.services, *key_of(p)) for p in placements] == ["done", "done"]
    assert release(world, reservation.id)
    assert [world.services.placements.get(*key_of(p)) for p in placements] == [None, None]

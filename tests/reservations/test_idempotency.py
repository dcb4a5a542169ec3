"""The same key and body give the same reservation, whatever happened in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS
from gpu_capacity.errors import Conflict, InsufficientCapacity
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.record import Status, Tag
from testkit.auditor import audit, units_held
from testkit.reservations import delete, fail, provision, records, reserve, stored, tear_down
from testkit.world import ORGANIZATION, PROJECT, World, caller, request

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def test_a_repeated_request_gets_the_first_ones_reservation(world: World) -> None:
    first = reserve(world, 3, key=KEY)
    second = reserve(world, 3, key=KEY)

    assert second.reservation == first.reservation
    assert second.topology_hash == first.topology_hash
    assert units_held(world.db) == 3


def test_another_environment_answers_alike(world: World) -> None:
    first = reserve(world, 3, key=KEY)

    second = create_reservation(world.environment(), caller(), request(3), idempotency_key=KEY)

    assert second.reservation == first.reservation


def test_a_repeated_request_shows_the_reservation_as_it_is_by_now(world: World) -> None:
    reservation_id = reserve(world, 3, key=KEY).reservation.id
    provision(world, reservation_id)

    assert reserve(world, 3, key=KEY).reservation.status is Status.PROVISIONED


def test_a_repeated_request_is_answered_although_the_region_is_full(world: World) -> None:
    first = reserve(world, 8, key=KEY)

    assert reserve(world, 8, key=KEY).reservation.id == first.reservation.id
    with pytest.raises(InsufficientCapacity):
        reserve(world, 8, key="another")


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 2},
        {"name": "other"},
        {"description": "other"},
        {"tags": (Tag("a", "b"),)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_body_under_the_same_key_is_a_conflict(world: World, changes: dict[str, Any]) -> None:
    reserve(world, 3, key=KEY)
    before = world.db.dump()
    other = replace(request(3), **changes)

    with pytest.raises(Conflict, match="another request"):
        create_reservation(world.services, caller(), other, idempotency_key=KEY)
    assert world.db.dump() == before


def test_a_conflict_does_not_depend_on_what_the_other_body_asks_for_being_there(world: World) -> None:
    reserve(world, 3, key=KEY)

    with pytest.raises(Conflict):
        reserve(world, 3, key=KEY, region_id="nowhere")


def test_a_key_belongs_to_one_organization_and_one_subject(world: World) -> None:
    first = reserve(world, 1, key=KEY)
    elsewhere = caller(organizations=frozenset({"org-2"}))
    of_another = create_reservation(
        world.services, elsewhere, request(1, organization_id="org-2"), idempotency_key=KEY
    )
    by_another = create_reservation(world.services, caller(subject="user-2"), request(1), idempotency_key=KEY)

    ids = {first.reservation.id, of_another.reservation.id, by_another.reservation.id}
    assert len(ids) == 3


def test_without_a_key_every_request_is_new(world: World) -> None:
    assert reserve(world).reservation.id != reserve(world).reservation.id


def test_a_request_refused_for_lack_of_room_may_be_repeated_under_its_key(world: World) -> None:
    blocking = reserve(world, 8).reservation.id
    with pytest.raises(InsufficientCapacity):
        reserve(world, 3, key=KEY)
    delete(world, blocking)
    tear_down(world, blocking)

    assert reserve(world, 3, key=KEY).reservation.owned_units == 3


def test_the_repetition_starts_the_workflow_that_the_first_try_could_not(world: World) -> None:
    world.workflows.down = True
    reserve(world, 3, key=KEY)
    world.workflows.down = False

    reserve(world, 3, key=KEY)
    reserve(world, 3, key=KEY)

    assert len(world.workflows) == 1


def test_a_dry_run_of_a_repetition_starts_nothing(world: World) -> None:
    world.workflows.down = True
    first = reserve(world, key=KEY)
    world.workflows.down = False

    shown = create_reservation(world.services, caller(), request(), idempotency_key=KEY, dry_run=True)

    assert shown.reservation.id == first.reservation.id
    assert len(world.workflows) == 0


def test_a_repetition_during_the_teardown_shows_the_teardown(world: World) -> None:
    delete(world, reserve(world, 3, key=KEY).reservation.id)

    assert reserve(world, 3, key=KEY).reservation.status is Status.DEPROVISIONING
    assert "provision" not in {name.split("-")[0] for name in list(world.workflows.executions)[1:]}


def test_a_repetition_after_a_failure_shows_the_failure(world: World) -> None:
    reservation_id = reserve(world, 3, key=KEY).reservation.id
    fail(world, reservation_id, "a server failed")

    repeated = reserve(world, 3, key=KEY).reservation
    assert (repeated.id, repeated.status, repeated.failure) == (
        reservation_id,
        Status.ERROR,
        "a server failed",
    )


def _gone(world: World) -> str:
    reservation_id = reserve(world, 3, key=KEY).reservation.id
    delete(world, reservation_id)
    assert tear_down(world, reservation_id) == {"outcome": "gone"}
    return reservation_id


def test_a_late_repetition_after_the_delete_does_not_reserve_again(world: World) -> None:
    _gone(world)
    assert records(world) == ["gone"]

    with pytest.raises(Conflict, match="was deleted"):
        reserve(world, 3, key=KEY)
    assert units_held(world.db) == 0


def test_another_body_after_the_delete_is_a_conflict_of_its_own(world: World) -> None:
    _gone(world)

    with pytest.raises(Conflict, match="another request"):
        reserve(world, 4, key=KEY)


def test_when_the_tombstone_has_expired_the_key_is_new_again(world: World) -> None:
    first_id = _gone(world)
    # DynamoDB takes days to remove it.
    world.clock.advance(TOMBSTONE_SECONDS)

    again = reserve(world, 3, key=KEY).reservation

    assert again.id == first_id
    assert len([name for name in world.workflows.executions if name.startswith("provision")]) == 2
    assert provision(world, again.id) == {"outcome": "provisioned"}
    assert audit(world.db, now=world.clock.now()) == []


def test_a_tombstone_holds_until_the_very_second_of_its_end(world: World) -> None:
    _gone(world)
    world.clock.advance(TOMBSTONE_SECONDS - 1)

    with pytest.raises(Conflict):
        reserve(world, 3, key=KEY)


def test_a_rival_with_the_same_key_in_the_middle_makes_one_reservation(world: World) -> None:
    rival = world.environment()
    made: list[str] = []

    def repeat(_operation: str, _parameters: dict[str, Any]) -> None:
        made.append(create_reservation(rival, caller(), request(3), idempotency_key=KEY).reservation.id)

    world.db.before("put_item", repeat)

    assert reserve(world, 3, key=KEY).reservation.id == made[0]
    assert units_held(world.db) == 3
    assert audit(world.db) == []


def test_a_rival_with_the_same_key_and_another_body_makes_a_conflict(world: World) -> None:
    rival = world.environment()
    world.db.before(
        "put_item",
        lambda *_: create_reservation(rival, caller(), request(2), idempotency_key=KEY),
    )

    with pytest.raises(Conflict):
        reserve(world, 3, key=KEY)
    assert units_held(world.db) == 2


def test_a_key_says_nothing_about_a_dry_run(world: World) -> None:
    planned = create_reservation(world.services, caller(), request(3), idempotency_key=KEY, dry_run=True)

    made = reserve(world, 3, key=KEY)

    assert planned.reservation.id == made.reservation.id
    assert planned.reservation.placement == made.reservation.placement


def test_the_fingerprint_keeps_fields_apart() -> None:
    assert (
        request(name="ab", description="c").fingerprint() != request(name="a", description="bc").fingerprint()
    )
    assert request(description=None).fingerprint() != request(description="").fingerprint()
    assert request().project_id == PROJECT


def test_the_record_is_found_under_its_organization_only(world: World) -> None:
    reservation_id = reserve(world, 1, key=KEY).reservation.id

    assert stored(world, reservation_id, ORGANIZATION).id == reservation_id
    assert world.services.reservations.get("other", reservation_id) is None

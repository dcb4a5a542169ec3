"""The same key and body give the same reservation, whatever happened in between."""

from __future__ import annotations

from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS
from gpu_capacity.reservations.record import Status
from testkit.auditor import audit
from testkit.reservations import delete, fail, provision, reserve, stored, tear_down
from testkit.world import ORGANIZATION, PROJECT, World, request

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def test_a_repeated_request_shows_the_reservation_as_it_is_by_now(world: World) -> None:
    reservation_id = reserve(world, 3, key=KEY).reservation.id
    provision(world, reservation_id)

    assert reserve(world, 3, key=KEY).reservation.status is Status.PROVISIONED


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


def test_when_the_tombstone_has_expired_the_key_is_new_again(world: World) -> None:
    first_id = _gone(world)
    # DynamoDB takes days to remove it.
    world.clock.advance(TOMBSTONE_SECONDS)

    again = reserve(world, 3, key=KEY).reservation

    assert again.id == first_id
    assert len([name for name in world.workflows.executions if name.startswith("provision")]) == 2
    assert provision(world, again.id) == {"outcome": "provisioned"}
    assert audit(world.db, now=world.clock.now()) == []


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

"""The same key and body return the same reservation, whatever its status by then."""

from __future__ import annotations

from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS
from gpu_capacity.reservations.record import Status
from testkit.auditor import audit
from testkit.reservations import delete, fail, provision, reserve, stored, tear_down
from testkit.world import ORGANIZATION, PROJECT, World, request

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def test_a_repeat_returns_the_reservation_in_its_current_state(world: World) -> None:
    reservation_id = reserve(world, 3, key=KEY).reservation.id
    provision(world, reservation_id)

    assert reserve(world, 3, key=KEY).reservation.status is Status.PROVISIONED


def test_a_repeat_during_the_teardown_returns_the_reservation_being_torn_down(world: World) -> None:
    delete(world, reserve(world, 3, key=KEY).reservation.id)

    assert reserve(world, 3, key=KEY).reservation.status is Status.DEPROVISIONING
    assert "provision" not in {name.split("-")[0] for name in list(world.workflows.executions)[1:]}


def test_a_repeat_after_a_failure_returns_the_failed_reservation(world: World) -> None:
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
    assert tear_down(world, reservation_id) == {"outcome": "done"}
    return reservation_id


def test_after_the_tombstone_expires_the_key_makes_a_new_reservation(world: World) -> None:
    first_id = _gone(world)
    # DynamoDB removes the expired item days later.
    world.clock.advance(TOMBSTONE_SECONDS)

    again = reserve(world, 3, key=KEY).reservation

    assert again.id == first_id
    assert len([name for name in world.workflows.executions if name.startswith("provision")]) == 2
    assert provision(world, again.id) == {"outcome": "done"}
    assert audit(world.db, now=world.clock.now()) == []


def test_the_fingerprint_has_spare_hosts_and_is_the_former_one_without_any() -> None:
    assert request(2, spare_hosts_per_unit=1).fingerprint() != request(2).fingerprint()
    former = "89b6d63581ed67d17c772b797ef4e880"  # pragma: allowlist secret
    assert request(2).fingerprint() == former


def test_the_fingerprint_separates_fields() -> None:
    assert (
        request(name="ab", description="c").fingerprint() != request(name="a", description="bc").fingerprint()
    )
    assert request(description=None).fingerprint() != request(description="").fingerprint()
    assert request().project_id == PROJECT


def test_a_record_is_found_only_under_its_organization(world: World) -> None:
    reservation_id = reserve(world, 1, key=KEY).reservation.id

    assert stored(world, reservation_id, ORGANIZATION).id == reservation_id
    assert world.services.reservations.get("other", reservation_id) is None

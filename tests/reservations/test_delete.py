from __future__ import annotations

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, NotFound
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.record import Status
from testkit.auditor import audit, units_held
from testkit.reservations import NOWHERE, delete, fail, provision, records, reserve, stored, tear_down
from testkit.world import ORGANIZATION, World, caller


def _deprovisions(world: World) -> int:
    return sum(entry["machine"] == "deprovision" for entry in world.workflows.executions.values())


def test_a_delete_marks_the_record_and_starts_the_teardown(world: World) -> None:
    reservation_id = reserve(world, 3).reservation.id
    world.clock.advance(100)

    delete(world, reservation_id)

    record = stored(world, reservation_id)
    assert record.status is Status.DEPROVISIONING
    assert record.deleted_at == record.unsettled_since == world.clock.now()
    assert _deprovisions(world) == 1
    assert units_held(world.db) == 3


def test_a_delete_frees_everything_once_the_teardown_is_done(world: World) -> None:
    reservation_id = reserve(world, 3).reservation.id
    provision(world, reservation_id)
    delete(world, reservation_id)

    assert tear_down(world, reservation_id) == {"outcome": "done"}
    assert units_held(world.db) == 0
    assert records(world) == ["gone"]
    assert audit(world.db, now=world.clock.now()) == []


def test_a_second_delete_changes_and_starts_nothing(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    delete(world, reservation_id)
    before, writes = world.db.dump(), world.db.write_units
    world.clock.advance(50)

    delete(world, reservation_id)

    assert world.db.dump() == before
    assert world.db.write_units == writes
    assert _deprovisions(world) == 1
    assert world.telemetry.counts["ReservationsDeleted"] == 1


def test_of_two_deletes_at_once_both_succeed_and_one_starts_the_teardown(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    rival = world.environment()
    world.db.before("put_item", lambda *_: delete_reservation(rival, caller(), reservation_id, NOWHERE))

    delete(world, reservation_id)

    assert _deprovisions(world) == 1
    assert [line.action for line in world.telemetry.audits].count("delete_reservation") == 1


def test_deleting_a_reservation_that_is_removed_meanwhile_is_not_found(world: World) -> None:
    reservation_id = reserve(world).reservation.id

    def rival(_operation: str, _parameters: object) -> None:
        delete(world, reservation_id)
        tear_down(world, reservation_id)

    world.db.before("put_item", rival)

    with pytest.raises(NotFound):
        delete(world, reservation_id)


def test_deleting_a_reservation_that_is_gone_is_not_found(world: World) -> None:
    reservation_id = reserve(world, key="key").reservation.id
    delete(world, reservation_id)
    tear_down(world, reservation_id)

    with pytest.raises(NotFound):
        delete(world, reservation_id)


def test_deleting_a_failed_reservation_removes_its_record(world: World) -> None:
    reservation_id = reserve(world, 3).reservation.id
    fail(world, reservation_id)
    assert units_held(world.db) == 0

    delete(world, reservation_id)

    assert tear_down(world, reservation_id) == {"outcome": "done"}
    assert records(world) == ["gone"]
    assert audit(world.db) == []


def test_a_delete_in_any_status_overrides_the_next_write_of_the_provisioning_workflow(world: World) -> None:
    reservation_id = reserve(world, 3).reservation.id
    world.db.before("put_item", lambda *_: delete(world, reservation_id))

    assert provision(world, reservation_id)["outcome"] == "superseded"
    assert stored(world, reservation_id).status is Status.DEPROVISIONING
    assert tear_down(world, reservation_id) == {"outcome": "done"}
    assert audit(world.db, now=world.clock.now()) == []


def test_a_teardown_that_could_not_be_started_is_started_by_reconcile(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    world.workflows.down = True

    delete(world, reservation_id)

    assert stored(world, reservation_id).status is Status.DEPROVISIONING
    assert list(world.services.reservations.unsettled(world.clock.now())) == [(ORGANIZATION, reservation_id)]


def test_deleting_requires_the_permission(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    reader = caller(permissions=frozenset({Permission.READ_RESERVATIONS, Permission.CREATE_RESERVATIONS}))

    with pytest.raises(Forbidden):
        delete_reservation(world.services, reader, reservation_id, NOWHERE)
    assert stored(world, reservation_id).status is Status.PENDING


@pytest.mark.parametrize(
    "changes", [{"organizations": frozenset({"other"})}, {"projects": frozenset({"other"})}]
)
def test_deleting_a_reservation_of_another_organization_or_project_is_refused(
    world: World, changes: dict[str, frozenset[str]]
) -> None:
    reservation_id = reserve(world).reservation.id
    stranger = caller(**changes)

    with pytest.raises(NotFound):
        delete_reservation(world.services, stranger, reservation_id, NOWHERE)
    assert stored(world, reservation_id).status is Status.PENDING


def test_an_operator_deletes_in_the_organization_that_it_names(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    operator = caller(
        organizations=frozenset(), projects=frozenset(), permissions=frozenset({Permission.OPERATE})
    )

    delete_reservation(world.services, operator, reservation_id, frozenset({ORGANIZATION}))

    assert stored(world, reservation_id).status is Status.DEPROVISIONING


def test_the_audit_log_names_who_deleted_which_reservation(world: World) -> None:
    reservation_id = reserve(world).reservation.id

    delete(world, reservation_id)

    line = world.telemetry.audits[-1]
    assert (line.actor, line.action, line.target) == ("user-1", "delete_reservation", reservation_id)

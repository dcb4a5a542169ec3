"""A forced delete: of every kind, through the marks of an ordinary one, with a reason that stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import InvalidRequest, NotFound, StateConflict
from gpu_capacity.operations.force_delete import force_delete
from gpu_capacity.operations.kinds import HolderKind
from gpu_capacity.reservations.record import Status
from testkit.claims import claim
from testkit.placements import place, provisioned
from testkit.reservations import reservation
from testkit.world import ORGANIZATION, World, caller, pod

OPERATOR = caller(
    subject="operator@example.com",
    organizations=frozenset({"operators"}),
    projects=frozenset(),
    permissions=frozenset({Permission.OPERATE}),
)


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 6),))


def delete(world: World, kind: HolderKind, holder_id: str, reason: str = "the contract has ended") -> None:
    force_delete(world.services, OPERATOR, kind, ORGANIZATION, holder_id, reason)


def test_a_reservation_goes_with_its_placements_and_both_say_why(world: World) -> None:
    reserved = provisioned(world, 1)
    placed = place(world, reserved.id, 1)
    delete(world, HolderKind.RESERVATION, reserved.id)

    found = world.services.reservations.get(ORGANIZATION, reserved.id)
    assert found is not None
    assert (found.status, found.removal) == (Status.DEPROVISIONING, "the contract has ended")
    assert world.services.dependants.release(found) is False
    dependant = world.services.placements.get(ORGANIZATION, placed.id)
    assert dependant is not None
    assert (dependant.status.value, dependant.removal) == ("deprovisioning", "the contract has ended")


def test_a_placement_and_a_claim_are_deleted_with_the_reason(world: World) -> None:
    placed, claimed = place(world, provisioned(world, 1).id, 1), claim(world, 2)
    delete(world, HolderKind.PLACEMENT, placed.id)
    delete(world, HolderKind.CAPACITY_CLAIM, claimed.id)

    placement = world.services.placements.get(ORGANIZATION, placed.id)
    found = world.services.claims.get(ORGANIZATION, claimed.id)
    assert placement is not None
    assert found is not None
    assert placement.removal == found.removal == "the contract has ended"
    assert found.status.value == "STATUS_DELETING"
    assert found.conditions[-1].message.endswith("; deleted by an operator: the contract has ended")


def test_who_asked_and_why_is_in_an_audit_line_before_anything_is_done(world: World) -> None:
    reserved = provisioned(world, 1)
    delete(world, HolderKind.RESERVATION, reserved.id)

    forced = next(line for line in world.telemetry.audits if line.action == "force_delete")
    assert (forced.actor, forced.target) == ("operator@example.com", reserved.id)
    assert forced.details == {
        "organization": ORGANIZATION,
        "kind": "reservation",
        "reason": "the contract has ended",
    }


def test_a_repeat_changes_nothing(world: World) -> None:
    reserved = provisioned(world, 1)
    delete(world, HolderKind.RESERVATION, reserved.id)
    before = world.db.dump()
    delete(world, HolderKind.RESERVATION, reserved.id, "another reason")

    assert world.db.dump() == before


@pytest.mark.parametrize("reason", ["", " \n", "x" * 513])
def test_a_reason_is_demanded(world: World, reason: str) -> None:
    with pytest.raises(InvalidRequest):
        delete(world, HolderKind.RESERVATION, provisioned(world, 1).id, reason)


def test_what_does_not_exist_or_is_being_made_is_refused(world: World) -> None:
    making = replace(
        reservation(status=Status.CLAIMING, runs=(), life=b"life-one"), organization_id=ORGANIZATION
    )
    assert world.services.reservations.create(making, 1) is None

    with pytest.raises(StateConflict):
        delete(world, HolderKind.RESERVATION, making.id)
    for kind in HolderKind:
        with pytest.raises(NotFound):
            delete(world, kind, "a64f9269-36e0-4312-b8d1-52d93d569b7b")

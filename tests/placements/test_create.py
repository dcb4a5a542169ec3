from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import (
    Forbidden,
    HostsUnavailable,
    NotFound,
    QuotaExceeded,
    RaceLost,
    StateConflict,
    StorageUnavailable,
    Unprocessable,
)
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.inventory.units import Health
from gpu_capacity.neighbours.listed import ListedNeighbours
from gpu_capacity.placement.servers import Policy
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.record import Constraints, PlacementStatus, Unsatisfiable
from testkit.dynamodb import timeout_after, timeout_before
from testkit.placements import found, place, provisioned, wish
from testkit.reservations import delete, reserve, stored
from testkit.world import ORGANIZATION, PROJECT, REGION, World, caller
from tests.placements.creating import create, records


def test_a_placement_takes_hosts_of_its_reservation_at_once(world: World) -> None:
    reservation = provisioned(world, 2)
    observed = create(world, reservation.id, 3)

    placement = observed.placement
    assert placement == found(world, placement.id)
    assert placement.status is PlacementStatus.PENDING
    assert sum(mask.bit_count() for _, mask in placement.hosts) == 3
    assert {position for position, _ in placement.hosts} <= set(reservation.positions)
    assert placement.pod_id == reservation.pod_id
    assert stored(world, reservation.id).occupied == {placement.id: placement.hosts}


def test_the_record_has_the_request_the_caller_and_the_time(world: World) -> None:
    reservation = provisioned(world)
    placement = place(world, reservation.id, 2, tags=(Tag("a", "b"),), description="", user_data=b"x")

    assert (placement.organization_id, placement.project_id) == (ORGANIZATION, PROJECT)
    assert (placement.region_id, placement.reservation_id) == (REGION, reservation.id)
    assert placement.reservation_life == reservation.life
    assert (placement.name, placement.description, placement.tags) == ("workers", "", (Tag("a", "b"),))
    assert (placement.image_id, placement.user_data, placement.generation) == ("ubuntu-24.04", b"x", 1)
    assert (placement.created_by, placement.created_at) == ("john.doe@example.com", world.clock.now())


def test_its_servers_are_all_in_flight_and_its_workflow_begins(world: World) -> None:
    observed = create(world, provisioned(world).id, 3)

    counts = observed.counts
    assert counts is not None
    assert (counts.ready, counts.updated, counts.drifted, counts.in_flight, counts.stalled) == (0, 0, 3, 3, 0)
    assert observed.health is Health.UNKNOWN
    assert world.workflows.executions[observed.placement.execution] == {
        "machine": "settle_placement",
        "organization": ORGANIZATION,
        "placement": observed.placement.id,
    }


def test_placements_of_a_reservation_have_hosts_of_their_own_until_none_is_left(world: World) -> None:
    reservation = provisioned(world, 2)
    placements = [place(world, reservation.id, count) for count in (3, 1, 4)]

    taken = Counter((p, slot) for placement in placements for _, p, slot in placement.slots())
    assert len(taken) == 8
    assert set(taken.values()) == {1}
    with pytest.raises(HostsUnavailable) as caught:
        place(world, reservation.id)
    assert (caught.value.reason.free, caught.value.reason.is_lasting) == (0, False)
    assert records(world) == 3


def test_more_hosts_than_the_reservation_has_can_never_fit(world: World) -> None:
    with pytest.raises(HostsUnavailable) as caught:
        place(world, provisioned(world, 2).id, 9)

    assert caught.value.reason.is_lasting


def test_nothing_is_placed_on_a_reservation_that_is_not_provisioned(world: World) -> None:
    pending = reserve(world).reservation
    with pytest.raises(StateConflict, match="pending"):
        place(world, pending.id)
    going = provisioned(world)
    delete(world, going.id)
    with pytest.raises(StateConflict, match="deprovisioning"):
        place(world, going.id)

    assert records(world) == 0


def test_spread_and_its_constraints_reach_the_choice(world: World) -> None:
    reservation = provisioned(world, 2)
    spread = place(world, reservation.id, 2, constraints=Constraints(Policy.SPREAD, max_skew=1))
    assert [mask.bit_count() for _, mask in spread.hosts] == [1, 1]

    impossible = Constraints(Policy.SPREAD, min_domains=3)
    with pytest.raises(Unprocessable, match="minDomains"):
        place(world, reservation.id, 3, constraints=impossible)
    near = replace(impossible, when_unsatisfiable=Unsatisfiable.BEST_EFFORT)
    assert len(place(world, reservation.id, 3, constraints=near).hosts) == 2


# Who may


def test_a_token_without_the_permission_creates_nothing(world: World) -> None:
    reservation = provisioned(world)
    powerless = caller(permissions=caller().permissions - {Permission.CREATE_PLACEMENTS})

    with pytest.raises(Forbidden):
        create_placement(world.services, powerless, wish(reservation.id))


@pytest.mark.parametrize(
    "stranger",
    [
        caller(organizations=frozenset({"5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"})),
        caller(projects=frozenset({"other"})),
        caller(projects=frozenset({"other"}), permissions=frozenset(Permission)),
    ],
    ids=["organization", "project", "operator"],
)
def test_a_reservation_of_others_does_not_exist(world: World, stranger: Any) -> None:
    reservation = provisioned(world)

    with pytest.raises(NotFound, match="the reservation does not exist"):
        create_placement(world.services, stranger, wish(reservation.id))


@pytest.mark.parametrize("name", ["a61b9d5a-701d-4fea-848d-0e345edf16e9", "", "../x", "\ud800"])
def test_an_unknown_reservation_does_not_exist(world: World, name: str) -> None:
    with pytest.raises(NotFound, match="the reservation does not exist"):
        place(world, name)


def test_what_it_names_of_other_services_is_checked(world: World) -> None:
    reservation = provisioned(world)
    services = replace(world.services, neighbours=ListedNeighbours(()))

    with pytest.raises(NotFound, match="the image does not exist"):
        create(world, reservation.id, services=services)
    assert stored(world, reservation.id).occupied == {}


# A dry run


def test_a_dry_run_shows_the_placement_and_writes_nothing(world: World) -> None:
    reservation = provisioned(world, 1)
    before = world.db.dump()
    observed = create(world, reservation.id, 2, dry_run=True)

    assert sum(mask.bit_count() for _, mask in observed.placement.hosts) == 2
    assert observed.placement.status is PlacementStatus.PENDING
    assert world.db.dump() == before
    assert observed.placement.execution not in world.workflows


def test_a_dry_run_refuses_what_the_request_would_be_refused_for(world: World) -> None:
    reservation = provisioned(world, 1)
    with pytest.raises(HostsUnavailable):
        create(world, reservation.id, 5, dry_run=True)
    world.set_quota(1, PLACEMENT_SERVERS)
    with pytest.raises(QuotaExceeded):
        create(world, reservation.id, 2, dry_run=True)


# Rivals


def test_a_lost_race_is_decided_again_on_what_the_refusal_shows(world: World) -> None:
    reservation = provisioned(world, 1)
    other = world.environment()
    world.db.before(
        "transact_write_items", lambda *_: create(world, reservation.id, 2, services=other), times=1
    )
    reads = world.db.requests["batch_get_item"]
    mine = place(world, reservation.id, 2)

    taken = stored(world, reservation.id)
    assert len(taken.occupied) == 2
    assert taken.occupied_hosts == {reservation.positions[0]: 0b1111}
    assert taken.occupied[mine.id] == mine.hosts
    # One of the reservation by each of the two, and of hosts; none after the refusal.
    assert world.db.requests["batch_get_item"] - reads <= 6


def test_who_comes_too_late_for_the_last_hosts_is_refused_and_leaves_nothing(world: World) -> None:
    reservation = provisioned(world, 1)
    other = world.environment()
    world.db.before(
        "transact_write_items", lambda *_: create(world, reservation.id, 3, services=other), times=1
    )

    with pytest.raises(HostsUnavailable):
        place(world, reservation.id, 2)
    assert records(world) == 1
    assert len(stored(world, reservation.id).occupied) == 1


def test_a_delete_of_the_reservation_in_between_is_noticed(world: World) -> None:
    reservation = provisioned(world, 1)
    world.db.before("transact_write_items", lambda *_: delete(world, reservation.id), times=1)

    with pytest.raises(StateConflict):
        place(world, reservation.id)
    assert records(world) == 0


def test_a_reservation_that_changes_every_time_is_left_after_sixteen_attempts(world: World) -> None:
    reservation = provisioned(world, 1)

    def rename(*_: object) -> None:
        record = stored(world, reservation.id)
        world.services.reservations.change(record, replace(record, name=f"{record.name}x"))

    world.db.before("transact_write_items", rename, times=None)
    with pytest.raises(RaceLost):
        place(world, reservation.id)
    assert len(world.pause.attempts) == 16


@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_lost_answer_the_placement_is_made_once(world: World, moment: str) -> None:
    reservation = provisioned(world, 1)
    lost = timeout_after() if moment == "after" else timeout_before()
    getattr(world.db, moment)("transact_write_items", lost, times=1)

    placement = place(world, reservation.id, 2)
    assert stored(world, reservation.id).occupied == {placement.id: placement.hosts}


def test_if_no_answer_comes_at_all_nothing_can_appear_later(world: World) -> None:
    reservation = provisioned(world, 1)
    world.db.before("transact_write_items", timeout_before(), times=12)

    with pytest.raises(StorageUnavailable):
        place(world, reservation.id)
    assert stored(world, reservation.id).occupied == {}


# Quotas


def test_a_quota_counts_servers(world: World) -> None:
    reservation = provisioned(world, 1)
    world.set_quota(3, PLACEMENT_SERVERS)
    assert place(world, reservation.id, 2).counted

    with pytest.raises(QuotaExceeded) as caught:
        place(world, reservation.id, 2)
    assert "2 servers of placements requested, 2 of 3 in use" in str(caught.value)
    place(world, reservation.id, 1)
    assert world.quota_used(PLACEMENT_SERVERS) == 3


def test_a_quota_that_appears_meanwhile_counts_the_placement(world: World) -> None:
    reservation = provisioned(world, 1)
    place(world, reservation.id)
    world.db.before("transact_write_items", lambda *_: world.set_quota(3, PLACEMENT_SERVERS, used=0), times=1)

    placement = place(world, reservation.id, 2)
    assert found(world, placement.id).counted
    assert world.quota_used(PLACEMENT_SERVERS) == 2


def test_a_first_limit_holds_for_functions_that_knew_of_none(world: World) -> None:
    reservation = provisioned(world, 1)
    place(world, reservation.id)
    world.set_quota(1, PLACEMENT_SERVERS, used=1)

    with pytest.raises(QuotaExceeded):
        place(world, reservation.id)
    assert world.quota_used(PLACEMENT_SERVERS) == 1


def test_a_limit_that_changes_meanwhile_is_read_again(world: World) -> None:
    reservation = provisioned(world, 1)
    world.set_quota(3, PLACEMENT_SERVERS)
    place(world, reservation.id, 2)
    world.set_quota(2, PLACEMENT_SERVERS)

    with pytest.raises(QuotaExceeded):
        place(world, reservation.id, 1)
    world.set_quota(9, PLACEMENT_SERVERS)
    assert place(world, reservation.id, 1).counted


# Cost


def test_an_ordinary_placement_costs_four_write_units_and_two_for_its_index_entries(world: World) -> None:
    reservation = provisioned(world, 2)
    place(world, reservation.id, 1)
    written, requests = world.db.write_units, world.db.requests.copy()
    place(world, reservation.id, 3)

    assert world.db.write_units - written == 6
    assert world.db.requests - requests == {
        "batch_get_item": 2,
        "transact_write_items": 1,
        "get_item": 2,
        "query": 1,
    }

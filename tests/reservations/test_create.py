from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.errors import (
    CapacityError,
    Forbidden,
    InsufficientCapacity,
    InvalidRequest,
    NotFound,
    StorageUnavailable,
)
from gpu_capacity.holders.ids import is_holder_id
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.inventory.model import HostState
from gpu_capacity.inventory.units import Health, topology_hash
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.record import UNITS_PER_RESERVATION_MAX, Status
from testkit.auditor import audit, units_held
from testkit.dynamodb import throttled
from testkit.reservations import end, records, reserve, stored
from testkit.world import ORGANIZATION, PROJECT, REGION, World, caller, pod, rack, request


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 8), pod("pod2", 4)))


def test_an_accepted_request_owns_its_units_and_shows_all_fields_at_once(world: World) -> None:
    observed = reserve(world, 3, tags=(Tag("workload", "training"),), description="for training")

    reservation = observed.reservation
    assert reservation.status is Status.PENDING
    assert reservation.owned_units == 3
    assert reservation.flavor_id == "g.72.gb300.pinned"
    assert observed.health is Health.HEALTHY
    assert observed.observed_at == 1_779_999_000
    assert is_holder_id(reservation.id)
    assert world.owners("pod2") in (
        dict.fromkeys((0, 1, 2), reservation.runs[0].tag),
        dict.fromkeys((1, 2, 3), reservation.runs[0].tag),
    )
    assert audit(world.db) == []


def test_the_record_has_the_request_the_caller_and_the_time(world: World) -> None:
    observed = reserve(world, 2, name="training", description="d", tags=(Tag("a", "b"),))

    record = stored(world, observed.reservation.id)
    assert record == observed.reservation
    assert (record.organization_id, record.project_id, record.region_id) == (ORGANIZATION, PROJECT, REGION)
    assert (record.name, record.description, record.tags) == ("training", "d", (Tag("a", "b"),))
    assert (record.created_by, record.created_at) == ("john.doe@example.com", world.clock.now())


def test_the_hash_is_that_of_the_hardware_that_is_owned(world: World) -> None:
    observed = reserve(world, 2)

    placement = observed.reservation.runs[0].placement
    racks = [rack(placement.pod_id, position) for position in placement.positions]
    assert observed.topology_hash == topology_hash((REGION, "GB300", "NVL72"), placement.pod_id, racks)


def test_the_workflow_is_started_under_the_reservations_name(world: World) -> None:
    reservation = reserve(world).reservation

    ((name, execution),) = world.workflows.executions.items()
    assert reservation.id in name
    assert execution == {"machine": "provision", "organization": ORGANIZATION, "reservation": reservation.id}


def test_a_workflow_that_cannot_be_started_does_not_fail_the_request(world: World) -> None:
    world.workflows.down = True

    observed = reserve(world)

    assert stored(world, observed.reservation.id).status is Status.PENDING
    assert world.telemetry.counts["WorkflowStartsFailed"] == 1
    assert list(world.services.reservations.unsettled(world.clock.now())) == [
        (ORGANIZATION, observed.reservation.id)
    ]


def test_every_acceptance_is_audited_and_counted(world: World) -> None:
    reservation = reserve(world, 2).reservation

    (line,) = world.telemetry.audits
    assert (line.actor, line.action, line.target, line.outcome) == (
        "user-1",
        "create_reservation",
        reservation.id,
        "accepted",
    )
    assert line.details == {"organization": ORGANIZATION, "region": REGION, "units": 2}
    assert world.telemetry.counts["ReservationsAccepted"] == 1


def test_names_may_repeat(world: World) -> None:
    assert reserve(world, name="same").reservation.id != reserve(world, name="same").reservation.id
    assert units_held(world.db) == 2


def test_a_region_is_sold_to_the_last_unit_and_not_further(world: World) -> None:
    for _ in range(12):
        reserve(world)

    with pytest.raises(InsufficientCapacity):
        reserve(world)
    assert units_held(world.db) == 12
    assert audit(world.db) == []


@pytest.mark.parametrize(
    ("pods", "racks", "singles", "whole"), [(16, 8, 16, 14), (16, 8, 46, 10), (20, 18, 46, 17)]
)
def test_single_racks_in_a_new_region_leave_as_many_whole_pods_as_possible(
    pods: int, racks: int, singles: int, whole: int
) -> None:
    """One environment decides each on the snapshot that it kept, without a read."""
    world = World(pods=tuple(pod(f"pod{n:02}", racks, hosts=1) for n in range(pods)))
    reserve(world)
    reads = world.db.requests["query"]
    for _ in range(singles - 1):
        reserve(world)
    assert world.db.requests["query"] == reads

    for _ in range(whole):
        assert reserve(world, racks).reservation.owned_units == racks
    with pytest.raises(InsufficientCapacity):
        reserve(world, racks)


# Refusals.


def test_a_refusal_for_lack_of_capacity_has_the_figures(world: World) -> None:
    reserve(world, 3)

    with pytest.raises(InsufficientCapacity) as caught:
        reserve(world, 9)
    reason = caught.value.reason
    assert (reason.requested, reason.available, reason.largest_run, reason.claimed) == (9, 9, 8, 3)
    assert world.telemetry.counts["ReservationsRefused"] == 1


def test_a_lack_of_capacity_is_never_decided_on_a_stale_snapshot(world: World) -> None:
    """This environment's snapshot shows the region full; since then everything was released."""
    rival = world.environment()
    held = create_reservation(world.services, caller(), request(8))
    create_reservation(world.services, caller(), request(4))
    end(rival, held.reservation)

    assert reserve(world, 8).reservation.owned_units == 8


def test_the_database_refuses_a_write_decided_on_a_stale_snapshot(world: World) -> None:
    """This environment's snapshot shows the region empty; since then another request took most of it."""
    world.services.inventory.snapshot(REGION, "g.72.gb300.pinned")
    rival = world.environment()
    for count in (8, 3):
        create_reservation(rival, caller(), request(count))

    with pytest.raises(InsufficientCapacity) as caught:
        reserve(world, 2)
    assert (caught.value.reason.available, caught.value.reason.largest_run) == (1, 1)
    assert reserve(world, 1).reservation.owned_units == 1


def test_a_failed_read_causes_no_refusal(world: World) -> None:
    for count in (8, 4):
        reserve(world, count)
    world.db.before("query", throttled())

    with pytest.raises(StorageUnavailable):
        reserve(world)


@pytest.mark.parametrize("racks", [8, UNITS_PER_RESERVATION_MAX + 2])
@pytest.mark.parametrize("count", [UNITS_PER_RESERVATION_MAX + 1, 2_147_483_647])
def test_more_units_than_one_reservation_may_have_are_invalid_whatever_is_free(
    racks: int, count: int
) -> None:
    world = World(pods=(pod("pod1", racks, hosts=1),))

    with pytest.raises(InvalidRequest, match=r"spec\.count"):
        reserve(world, count)


def test_a_reservation_may_have_the_maximum_number_of_units() -> None:
    world = World(pods=(pod("pod1", UNITS_PER_RESERVATION_MAX + 2, hosts=1),))

    assert reserve(world, UNITS_PER_RESERVATION_MAX).reservation.owned_units == UNITS_PER_RESERVATION_MAX


def test_a_request_larger_than_any_pod_can_never_fit_and_one_as_large_as_a_pod_may_fit_later(
    world: World,
) -> None:
    reserve(world, 3)
    reserve(world, 3)

    for count, never in ((8, False), (9, True), (UNITS_PER_RESERVATION_MAX, True)):
        with pytest.raises(InsufficientCapacity) as caught:
            reserve(world, count)
        assert (caught.value.reason.largest_possible, caught.value.reason.is_lasting) == (8, never)


def test_a_region_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        reserve(world, region_id="nowhere")


def test_a_region_that_the_caller_may_not_see_is_refused_as_if_it_did_not_exist(world: World) -> None:
    world.load((), (replace(world.regions[0], organizations=frozenset({"other"})),))

    with pytest.raises(NotFound) as hidden:
        reserve(world)
    with pytest.raises(NotFound) as absent:
        reserve(world, region_id="nowhere")
    assert str(hidden.value) == str(absent.value)


def test_a_region_that_left_the_fleet_is_not_found_though_it_still_has_holders(world: World) -> None:
    world.load((), (replace(world.regions[0], withdrawn=True),))

    with pytest.raises(NotFound, match="the region does not exist"):
        reserve(world)


def test_a_region_may_be_visible_to_some_organizations_only(world: World) -> None:
    world.load((), (replace(world.regions[0], organizations=frozenset({"other", ORGANIZATION})),))

    assert reserve(world).reservation.owned_units == 1


@pytest.mark.parametrize("changes", [{"accelerator": "B200"}, {"unit": "HGX"}])
def test_an_offering_that_the_region_does_not_have_is_invalid(world: World, changes: dict[str, Any]) -> None:
    asked = replace(request(), **changes)

    with pytest.raises(InvalidRequest, match="not offered in the region"):
        create_reservation(world.services, caller(), asked)


def test_a_new_offering_is_found_although_an_older_catalogue_is_cached(world: World) -> None:
    reserve(world)
    (region,) = world.regions
    added = replace(region.offerings[0], unit="RACK")
    world.load((), (replace(region, offerings=(*region.offerings, added)),))

    assert reserve(world, unit="RACK").reservation.unit == "RACK"


@pytest.mark.parametrize(
    "changes", [{"organization_id": "other"}, {"project_id": "other"}], ids=["organization", "project"]
)
def test_creating_in_an_organization_requires_membership(world: World, changes: dict[str, Any]) -> None:
    asked = replace(request(), **changes)

    with pytest.raises(Forbidden):
        create_reservation(world.services, caller(), asked)


def test_creating_requires_the_permission(world: World) -> None:
    member = caller(permissions=frozenset({"reservations:read", "operator"}))

    with pytest.raises(Forbidden):
        create_reservation(world.services, member, request())


def test_a_refused_request_leaves_nothing_behind(world: World) -> None:
    before = world.db.dump()
    for asked in (
        request(99),
        request(region_id="nowhere"),
        request(unit="HGX"),
        request(project_id="other"),
    ):
        with pytest.raises(CapacityError):
            create_reservation(world.services, caller(), asked)

    assert world.db.dump() == before
    assert len(world.workflows) == 0


# Dry run.


def test_a_dry_run_returns_the_result_and_writes_nothing(world: World) -> None:
    before = world.db.dump()

    observed = create_reservation(world.services, caller(), request(3), dry_run=True)

    assert observed.reservation.owned_units == 3
    assert observed.topology_hash is not None
    assert observed.health is Health.HEALTHY
    assert world.db.dump() == before
    assert len(world.workflows) == 0
    assert world.telemetry.audits == []


def test_a_dry_run_is_decided_on_a_fresh_read(world: World) -> None:
    world.services.inventory.snapshot(REGION, "g.72.gb300.pinned")
    create_reservation(world.environment(), caller(), request(8))

    with pytest.raises(InsufficientCapacity):
        create_reservation(world.services, caller(), request(8), dry_run=True)


def test_a_dry_run_is_refused_where_the_request_would_be() -> None:
    broken = rack("pod1", 1, states={0: HostState.UNHEALTHY})
    world = World(pods=(replace(pod("pod1", 3), domains=(rack("pod1", 0), broken, rack("pod1", 2))),))

    with pytest.raises(InsufficientCapacity) as caught:
        create_reservation(world.services, caller(), request(2), dry_run=True)
    assert (caught.value.reason.available, caught.value.reason.incomplete) == (2, 1)
    assert records(world) == []

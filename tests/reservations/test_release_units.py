"""The release of units: what it gives back, what refuses it, and when the hardware is free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import (
    Forbidden,
    NotFound,
    PreconditionFailed,
    RaceLost,
    StateConflict,
    UnitsOccupied,
)
from gpu_capacity.holders.steps import Step
from gpu_capacity.inventory.model import HostState
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.reservations.record import Reservation, Run, Status
from gpu_capacity.reservations.release_units import Released, UnitRelease, release_units
from gpu_capacity.reservations.releasing import release_leaving
from testkit.auditor import audit, units_held
from testkit.placements import PLACEMENT_ID, placement
from testkit.reservations import NOWHERE, delete, provision, reserve, stored, tear_down
from testkit.world import EVERY_PERMISSION, ORGANIZATION, REGION, World, caller, pod, rack

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.access import Caller

STRANGER = caller(organizations=frozenset({"c61b9d5a-701d-4fea-848d-0e345edf16e9"}))


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 8),))


def provisioned(world: World, count: int = 4, **changes: Any) -> Reservation:
    made = reserve(world, count, **changes).reservation
    assert provision(world, made.id)["outcome"] == "done"
    return stored(world, made.id)


def release(
    world: World, reservation: Reservation, *numbers: int, tag: str | None = None, by: Caller | None = None
) -> Released:
    """Release units by their numbers in the reservation, with the present tag."""
    ids = tuple(reservation.unit_id(reservation.positions[number]) for number in numbers)
    request = UnitRelease(tag_of(world, reservation) if tag is None else tag, ids)
    return release_units(world.services, by or caller(), reservation.id, NOWHERE, lambda: request)


def tag_of(world: World, reservation: Reservation) -> str:
    shown = get_reservation(world.environment(), caller(), reservation.id, NOWHERE).topology_hash
    assert shown is not None
    return shown


def free(world: World, reservation: Reservation) -> Step:
    """Run the workflow of a release to its end."""
    for _ in range(3):
        outcome = release_leaving(world.services, ORGANIZATION, reservation.id)
        world.clock.advance(world.behaviour.delete_seconds)
        if outcome is not Step.WAITING:
            return outcome
    raise AssertionError("the provider does not let go")


def runs(owned: tuple[Run, ...]) -> list[tuple[int, int]]:
    return [(run.placement.start, run.placement.count) for run in owned]


def test_units_in_the_middle_leave_two_runs_behind(world: World) -> None:
    before = provisioned(world, 4)
    first = before.positions[0]

    released = release(world, before, 1, 2)

    after = stored(world, before.id)
    assert runs(after.runs) == [(first, 1), (first + 3, 1)]
    assert runs(after.leaving) == [(first + 1, 2)]
    assert [unit.id for unit in released.units] == [before.unit_id(first + 1), before.unit_id(first + 2)]
    assert released.units[0].host_ids == tuple(f"pod1-rack{first + 1:02}-tray{n:02}" for n in range(2))
    assert released.observed.reservation == after
    assert (after.status, after.count, after.owned_units) == (Status.PROVISIONED, 4, 2)
    assert audit(world.db) == []


def test_the_hash_is_that_of_what_is_left_and_changes_with_each_release(world: World) -> None:
    before = provisioned(world, 3)
    tags = [tag_of(world, before)]

    for number in (2, 1, 0):
        released = release(world, stored(world, before.id), number)
        tags.append(released.observed.topology_hash or "")
        assert tag_of(world, before) == tags[-1]

    assert len(set(tags)) == 4


def test_every_tag_of_what_was_divided_is_new(world: World) -> None:
    before = provisioned(world, 4)

    release(world, before, 1)

    after = stored(world, before.id)
    tags = {run.tag for run in (*after.runs, *after.leaving)}
    assert len(tags) == 3
    assert before.runs[0].tag not in tags
    assert set(world.owners("pod1").values()) == tags


def test_a_run_of_which_nothing_is_released_keeps_its_booking(world: World) -> None:
    before = provisioned(world, 5)
    release(world, before, 2)
    halves = stored(world, before.id)

    release(world, halves, 0)

    assert stored(world, before.id).runs[1] == halves.runs[1]


def test_nobody_gets_the_units_before_the_provider_has_let_go(world: World) -> None:
    before = provisioned(world, 8)
    release(world, before, 0, 1)

    assert units_held(world.db) == 8
    assert release_leaving(world.services, ORGANIZATION, before.id) is Step.WAITING
    assert units_held(world.db) == 8
    world.clock.advance(world.behaviour.delete_seconds)
    assert release_leaving(world.services, ORGANIZATION, before.id) is Step.DONE

    assert units_held(world.db) == 6
    after = stored(world, before.id)
    assert (after.leaving, after.is_unsettled, after.unsettled_since) == ((), False, None)
    assert world.events.zones == [REGION]
    assert reserve(world, 2).reservation.positions == (0, 1)
    assert audit(world.db) == []


def test_only_hosts_of_the_released_units_are_released(world: World) -> None:
    before = provisioned(world, 3)
    release(world, before, 1)
    free(world, before)

    held = world.services.provider.held(before.server_owner)

    kept = (before.positions[0], before.positions[2])
    assert [hold.host_id for hold in held] == [
        f"pod1-rack{position:02}-tray{tray:02}" for position in kept for tray in range(2)
    ]


def test_a_hold_of_a_host_that_was_replaced_in_a_released_unit_is_released(world: World) -> None:
    before = provisioned(world, 2)
    gone = before.positions[0]
    other = rack("pod1", gone)
    hosts = (replace(other.hosts[0], id="another"), other.hosts[1])
    domains = tuple(replace(rack("pod1", n), hosts=hosts) if n == gone else rack("pod1", n) for n in range(8))
    world.load((replace(pod("pod1", 8, version=2), domains=domains),))

    release(world, before, 0)
    assert free(world, before) is Step.DONE

    assert {hold.host_id for hold in world.services.provider.held(before.server_owner)} == {
        f"pod1-rack{before.positions[1]:02}-tray{tray:02}" for tray in range(2)
    }


def test_all_units_may_be_released_and_the_reservation_stays(world: World) -> None:
    before = provisioned(world, 2)

    released = release(world, before, 0, 1)
    assert audit(world.db, now=world.clock.now()) == []
    assert free(world, before) is Step.DONE

    shown = get_reservation(world.services, caller(), before.id, NOWHERE)
    assert (shown.reservation.owned_units, shown.reservation.status) == (0, Status.PROVISIONED)
    assert shown.topology_hash == released.observed.topology_hash
    assert units_held(world.db) == 0
    assert audit(world.db) == []
    with pytest.raises(NotFound):
        release(world, before, 0)


def test_a_second_release_while_the_first_is_on_its_way(world: World) -> None:
    before = provisioned(world, 4)
    release(world, before, 0)
    first = stored(world, before.id).execution
    release(world, stored(world, before.id), 2)

    assert stored(world, before.id).execution != first
    assert first in world.workflows
    assert stored(world, before.id).execution in world.workflows
    assert free(world, before) is Step.DONE
    assert units_held(world.db) == 2
    assert audit(world.db) == []


def test_the_quota_gets_the_units_back_at_once(world: World) -> None:
    world.set_quota(4)
    before = provisioned(world, 4)

    release(world, before, 0, 3)

    assert world.quota_used() == 2
    free(world, before)
    assert world.quota_used() == 2
    delete(world, before.id)
    tear_down(world, before.id)
    assert world.quota_used() == 0
    assert audit(world.db) == []


def test_a_repeat_of_the_create_shows_what_is_left(world: World) -> None:
    made = reserve(world, 3, key="key").reservation
    provision(world, made.id)
    release(world, stored(world, made.id), 0)

    again = reserve(world, 3, key="key")

    assert again.id == made.id
    assert again.reservation.owned_units == 2
    assert again.topology_hash == tag_of(world, made)


def test_a_teardown_ends_what_is_left_and_what_is_leaving(world: World) -> None:
    before = provisioned(world, 4)
    release(world, before, 1)

    delete(world, before.id)
    assert release_leaving(world.services, ORGANIZATION, before.id) is Step.SUPERSEDED
    assert tear_down(world, before.id)["outcome"] == "done"

    assert units_held(world.db) == 0
    assert audit(world.db) == []


@pytest.mark.parametrize("tag", ["", "sha256:" + "0" * 64])
def test_a_stale_tag_releases_nothing(world: World, tag: str) -> None:
    before = provisioned(world, 3)

    with pytest.raises(PreconditionFailed):
        release(world, before, 0, tag=tag)
    assert stored(world, before.id) == before


def test_the_tag_of_before_a_release_is_stale(world: World) -> None:
    before = provisioned(world, 3)
    tag = tag_of(world, before)
    release(world, before, 0, tag=tag)

    with pytest.raises(PreconditionFailed):
        release(world, before, 1, tag=tag)
    assert stored(world, before.id).owned_units == 2


def test_a_unit_that_the_reservation_does_not_have_releases_nothing(world: World) -> None:
    before = provisioned(world, 2)
    other = provisioned(world, 2)
    request = UnitRelease(
        tag_of(world, before), (before.unit_id(before.positions[0]), other.unit_id(other.positions[0]))
    )

    with pytest.raises(NotFound, match="every unit"):
        release_units(world.services, caller(), before.id, NOWHERE, lambda: request)
    assert stored(world, before.id) == before


@pytest.mark.parametrize("by", [STRANGER, caller(projects=frozenset({"another"}))])
def test_a_foreign_reservation_is_not_found_before_anything_is_checked(world: World, by: Caller) -> None:
    before = provisioned(world, 2)

    with pytest.raises(NotFound):
        release_units(world.services, by, before.id, NOWHERE, lambda: pytest.fail("read too early"))


def test_a_caller_who_may_not_delete_may_not_release(world: World) -> None:
    before = provisioned(world, 2)
    by = caller(permissions=EVERY_PERMISSION - {Permission.DELETE_RESERVATIONS})

    with pytest.raises(Forbidden):
        release(world, before, 0, by=by)


def test_units_are_released_from_a_provisioned_reservation_only(world: World) -> None:
    made = reserve(world, 2).reservation

    with pytest.raises(StateConflict, match="pending"):
        release(world, made, 0)
    provision(world, made.id)
    delete(world, made.id)
    with pytest.raises(StateConflict, match="deprovisioning"):
        release(world, made, 0)


def test_a_unit_with_a_host_of_a_placement_is_not_released(world: World) -> None:
    before = occupied(world, provisioned(world, 3), number=1)

    with pytest.raises(UnitsOccupied) as caught:
        release(world, before, 0, 1)

    position = before.positions[1]
    servers = tuple(placement().server_id(ordinal) for ordinal in (0, 1))
    assert caught.value.blockers == {before.unit_id(position): {PLACEMENT_ID: servers}}
    assert stored(world, before.id) == before


def test_the_other_units_are_released_beside_a_placement(world: World) -> None:
    before = occupied(world, provisioned(world, 3), number=1)

    release(world, before, 0, 2)

    assert stored(world, before.id).positions == (before.positions[1],)
    assert stored(world, before.id).occupied == before.occupied


def test_a_caller_who_may_not_read_placements_is_not_told_which(world: World) -> None:
    before = occupied(world, provisioned(world, 2), number=0)
    by = caller(permissions=EVERY_PERMISSION - {Permission.READ_PLACEMENTS})

    with pytest.raises(UnitsOccupied) as caught:
        release(world, before, 0, by=by)
    assert caught.value.blockers == {before.unit_id(before.positions[0]): {}}


def test_a_change_of_hardware_at_that_moment_makes_the_tag_stale(world: World) -> None:
    before = provisioned(world, 2)
    domains = (replace(rack("pod1", 0), id="another"), *(rack("pod1", n) for n in range(1, 8)))
    other = replace(pod("pod1", 8, version=2), domains=domains)
    world.db.before("transact_write_items", _once(lambda: world.load((other,))))

    with pytest.raises(PreconditionFailed):
        release(world, before, 0)
    assert stored(world, before.id) == before


def test_a_change_of_health_at_that_moment_does_not_matter(world: World) -> None:
    before = provisioned(world, 2)
    domains = (
        rack("pod1", 0, states={0: HostState.UNHEALTHY}),
        *(rack("pod1", n) for n in range(1, 8)),
    )
    sick = replace(pod("pod1", 8, version=2), domains=domains)
    world.db.before("transact_write_items", _once(lambda: world.load((sick,))))

    release(world, before, 0)

    assert stored(world, before.id).owned_units == 1
    assert audit(world.db) == []


def test_a_record_and_a_pod_that_disagree_release_nothing(world: World) -> None:
    before = provisioned(world, 2)
    tag = before.runs[0].tag
    wrong = replace(before, runs=(Run(Placement("pod1", before.positions[0], 2), b"nobody"),))
    assert tag != wrong.runs[0].tag
    world.services.reservations.change(before, wrong)

    with pytest.raises(RaceLost):
        release(world, stored(world, before.id), 0)
    assert set(world.owners("pod1").values()) == {tag}


def test_a_release_that_the_provider_does_not_finish_is_overdue(world: World) -> None:
    before = provisioned(world, 2)
    release(world, before, 0)
    world.clock.advance(world.limits.teardown_seconds_max)

    late = release_leaving(world.services, ORGANIZATION, before.id)

    assert late is Step.UNFINISHED
    assert units_held(world.db) == 2


def occupied(world: World, reservation: Reservation, *, number: int) -> Reservation:
    """A placement has both hosts of a unit."""
    position = reservation.positions[number]
    hosts = ((position, 0b11),)
    assert world.services.placements.create(placement(hosts=hosts, count=2), 0) is None
    changed = world.services.reservations.change(reservation, reservation.with_placement(PLACEMENT_ID, hosts))
    assert isinstance(changed, Reservation)
    return changed


def _once(change: Callable[[], None]) -> Callable[[str, dict[str, Any]], None]:
    return lambda _operation, _parameters: change()

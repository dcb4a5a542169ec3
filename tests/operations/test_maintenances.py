"""Maintenances: planned, opened, changed, cancelled and ended; what happens to hosts, and when."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import (
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    StateConflict,
    StorageUnavailable,
)
from gpu_capacity.inventory.cordons import Cause, Cordon, Cordons, Target
from gpu_capacity.inventory.maintenances import Force, MaintenanceStatus, Permit
from gpu_capacity.operations.bring_back_hosts import FIT_SECONDS_MAX
from gpu_capacity.operations.cordoning import ENTRIES_MAX, CordonWriter
from gpu_capacity.operations.plan_maintenance import change_maintenance, plan_maintenance
from gpu_capacity.operations.take_hosts import STOP_SECONDS_MAX
from gpu_capacity.providers.port import PowerAction, ServerState
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour, SimulatedBoots
from testkit.reservations import delete, tear_down
from testkit.world import ORGANIZATION, REGION, World, pod
from tests.operations.maintained import HOUR, NOTICE, OPERATOR, POD, Works, host, rack

if TYPE_CHECKING:
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Server
    from gpu_capacity.reservations.record import Reservation


@pytest.fixture
def works() -> Works:
    return Works()


def _allow(works: Works, maintenance_id: str, reservation: Reservation) -> None:
    """As the use case of the reservation's owner does."""
    store, now = works.world.services.maintenances, works.world.clock.now()
    before = store.get(maintenance_id)
    assert before is not None
    permit = Permit(ORGANIZATION, reservation.id, reservation.life, now, "owner")
    assert store.change(before, before.permitted(permit)) is not None


# Planning


def test_a_plan_keeps_new_holders_off_from_its_creation_on(works: Works) -> None:
    planned = works.planned(rack(0), Target(host_id=host(1, 0)))

    assert works.free_units() == 2
    (first, second) = works.world.services.fleet.cordons(REGION).entries
    assert (first.target, first.cause, first.maintenance_id) == (rack(0), Cause.MAINTENANCE, planned.id)
    assert (second.target, second.reason, second.by) == (Target(host_id=host(1, 0)), "new cables", OPERATOR)
    assert works.read(planned) == planned
    assert works.maintained() == set(), "the window has not opened"


def test_a_dry_run_checks_everything_and_writes_nothing(works: Works) -> None:
    before = works.world.db.dump()

    planned = plan_maintenance(works.world.services, OPERATOR, REGION, works.plan(), dry_run=True)

    assert planned.targets == (rack(0),)
    assert works.world.db.dump() == before
    with pytest.raises(NotFound):
        plan_maintenance(works.world.services, OPERATOR, REGION, works.plan(rack(9)), dry_run=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "\u200b\x00"}, "reason"),
        ({"reason": "ä" * 257}, "reason"),
        ({"targets": ()}, "targets"),
        ({"targets": (rack(0), rack(0))}, "targets"),
        ({"end": 1}, "endTime"),
        ({"notice_seconds": NOTICE - 1}, "forceAfterSeconds"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(
    works: Works, changes: dict[str, object], field: str
) -> None:
    plan = replace(works.plan(), **changes)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as refused:
        plan_maintenance(works.world.services, OPERATOR, REGION, plan)
    assert [name for name, _ in refused.value.problems] == [field]


@pytest.mark.parametrize("target", [rack(9), Target(pod_id="pod9"), Target(host_id="host-9")])
def test_a_plan_for_what_does_not_exist_is_refused(works: Works, target: Target) -> None:
    with pytest.raises(NotFound):
        works.planned(target)
    with pytest.raises(NotFound):
        plan_maintenance(works.world.services, OPERATOR, "nowhere", works.plan())


def test_a_plan_whose_entries_were_not_written_is_announced_by_the_schedule(works: Works) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StorageUnavailable("no answer", outcome_unknown=True)

    services = works.world.services
    fleet = services.fleet
    broken = replace(services, fleet=_Without(fleet, write_cordons=fails))  # type: ignore[arg-type]
    planned = plan_maintenance(broken, OPERATOR, REGION, works.plan())
    assert works.free_units() == 4

    works.run()

    assert works.free_units() == 3
    assert works.read(planned) == planned


def test_a_plan_for_which_the_region_has_no_room_is_refused_before_anything_is_written(works: Works) -> None:
    _fill(works, ENTRIES_MAX - 1)
    before = works.world.db.dump()

    for dry_run in (True, False):
        with pytest.raises(InvalidRequest):
            plan_maintenance(
                works.world.services, OPERATOR, REGION, works.plan(rack(0), rack(1)), dry_run=dry_run
            )

    assert works.world.db.dump() == before
    planned = works.planned(rack(0))
    with pytest.raises(InvalidRequest):
        works.change(planned, targets=(rack(0), rack(1)))
    assert works.read(planned) == planned
    assert works.change(planned, targets=(rack(1),)).targets == (rack(1),)


def test_a_plan_stands_when_others_take_the_last_room_meanwhile(works: Works) -> None:
    services = works.world.services
    store = services.maintenances

    def create(planned: Maintenance) -> None:
        store.create(planned)
        _fill(works, ENTRIES_MAX)

    rivalled = replace(services, maintenances=_Without(store, create=create))  # type: ignore[arg-type]

    planned = plan_maintenance(rivalled, OPERATOR, REGION, works.plan())

    assert works.read(planned) == planned


def _fill(works: Works, count: int) -> None:
    """Cordons of hosts that are gone, so many in all."""
    services = works.world.services
    known = services.fleet.cordons(REGION)
    more = range(count - len(known.entries))
    entries = tuple(Cordon(Target(host_id=f"gone-{i}"), "gone", 1, OPERATOR) for i in more)
    CordonWriter(services.fleet, services.pause).change(
        REGION, lambda now: reduce(Cordons.with_cordon, entries, now)
    )


class _Without:
    """A collaborator with some of its methods replaced."""

    def __init__(self, whole: object, **replaced: object) -> None:
        self._whole = whole
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> object:
        return getattr(self._whole, name)


# Opening


def test_free_hosts_go_into_the_providers_maintenance_when_the_window_opens(works: Works) -> None:
    planned = works.planned(rack(0))
    works.run(HOUR - 1)
    assert (works.read(planned).status, works.maintained()) == (MaintenanceStatus.PLANNED, set())

    works.run(1)

    assert works.read(planned).status is MaintenanceStatus.OPEN
    assert works.maintained() == {host(0, 0), host(0, 1)}
    taken = works.taken(planned)[host(0, 0)]
    assert (taken.held, taken.in_effect_since) == (False, works.world.clock.now())


def test_what_a_holder_allowed_does_not_count_for_other_targets(works: Works) -> None:
    held = works.reservation(2)
    planned = works.planned(Target(host_id=host(0, 0)))
    _allow(works, planned.id, held)
    assert works.change(works.read(planned), reason="new pumps").permits, "of the same hosts"

    changed = works.change(works.read(planned), targets=(Target(host_id=host(0, 0)), rack(1)))
    works.run(60)

    assert changed.permits == ()
    assert works.maintained() == set(), "the window has not opened, and nobody allows it"


def test_what_a_holder_allowed_counts_for_fewer_targets(works: Works) -> None:
    held = works.reservation(2)
    planned = works.planned(rack(0), rack(1))
    _allow(works, planned.id, held)

    works.change(works.read(planned), targets=(rack(1),))
    works.run(60)

    assert works.maintained() == {host(1, 0), host(1, 1)}


@pytest.mark.parametrize(("later", "stands"), [(-60, True), (0, True), (1, False)])
def test_what_a_holder_allowed_does_not_count_for_longer(works: Works, *, later: int, stands: bool) -> None:
    held = works.reservation(2)
    planned = works.planned(rack(0))
    _allow(works, planned.id, held)

    changed = works.change(works.read(planned), end=planned.end + later)
    works.run(60)

    assert bool(changed.permits) is stands
    assert works.maintained() == ({host(0, 0), host(0, 1)} if stands else set())


def test_hosts_that_a_holder_allowed_to_take_stay_until_a_later_end(works: Works) -> None:
    """Work that takes longer than planned has machines open that nobody could bring back."""
    held = works.reservation()
    planned = works.planned(rack(0))
    _allow(works, planned.id, held)
    works.run()

    works.change(works.read(planned), end=planned.end + HOUR)
    works.run(3 * HOUR)

    assert works.maintained() == {host(0, 0), host(0, 1)}
    works.run(HOUR)
    works.run()
    assert works.maintained() == set()


def test_held_hosts_are_left_alone_until_they_are_free(works: Works) -> None:
    held = works.reservation()
    opened = works.opened(POD)
    assert works.maintained() == {host(p, s) for p in range(1, 4) for s in range(2)}

    delete(works.world, held.id)
    tear_down(works.world, held.id)
    works.run(60)

    assert len(works.maintained()) == 8
    assert len(works.taken(opened)) == 8


def test_the_hosts_of_one_target_only_are_taken(works: Works) -> None:
    works.opened(Target(host_id=host(2, 1)))
    assert works.maintained() == {host(2, 1)}


def test_a_free_host_of_a_pod_that_is_still_for_sale_is_not_taken(works: Works) -> None:
    opened = works.planned(rack(0), start=works.world.clock.now())
    works.world.load((replace(pod("pod1", 4), version=2),))

    works.run()

    assert works.maintained() == set()
    assert works.free_units() == 3, "the shape is written again first"
    works.run()
    assert set(works.taken(opened)) == works.maintained() == {host(0, 0), host(0, 1)}


# What owners allow


def test_what_a_holder_allows_begins_before_the_window(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(POD)
    _allow(works, planned.id, held)

    works.run()

    assert works.read(planned).status is MaintenanceStatus.PLANNED
    assert works.maintained() == {host(0, 0), host(0, 1)}
    assert works.taken(planned)[host(0, 0)].held


def test_a_server_is_stopped_before_and_started_after(works: Works) -> None:
    held = works.reservation()
    running = works.running(held, 2)
    planned = works.planned(rack(0))
    _allow(works, planned.id, held)

    works.run()
    assert works.maintained() == set(), "its servers are still stopping"
    assert {s.state for s in _servers(works, running)} == {ServerState.STOPPING}
    works.run(60)
    assert works.maintained() == {host(0, 0), host(0, 1)}
    assert {s.state for s in _servers(works, running)} == {ServerState.STOPPED}

    works.run(3 * HOUR)
    works.world.clock.advance(60)

    assert works.read(planned).status is MaintenanceStatus.ENDED
    assert {s.state for s in _servers(works, running)} == {ServerState.RUNNING}


def test_a_server_that_its_owner_had_stopped_stays_stopped(works: Works) -> None:
    held = works.reservation()
    running = works.running(held, 1)
    (server,) = _servers(works, running)
    works.world.services.provider.power(running.server_owner, server.host_id, PowerAction.STOP)
    works.world.clock.advance(60)
    planned = works.planned(rack(0))
    _allow(works, planned.id, held)
    works.run()

    works.run(3 * HOUR)
    works.world.clock.advance(60)

    assert works.read(planned).status is MaintenanceStatus.ENDED
    assert [s.state for s in _servers(works, running)] == [ServerState.STOPPED]


def test_a_server_that_does_not_stop_is_not_waited_for_for_ever() -> None:
    slow = SimulatedBehaviour(boots=SimulatedBoots(stop_seconds=100_000))
    works = Works(World((pod("pod1", 4),), behaviour=slow))
    held = works.reservation()
    works.running(held, 1)
    planned = works.planned(rack(0))
    _allow(works, planned.id, held)
    works.run()
    taken = next(iter(works.world.services.provider.servers_on([host(0, 0), host(0, 1)]))).host_id
    works.run(STOP_SECONDS_MAX - 1)
    assert taken not in works.maintained()

    works.run(1)

    assert taken in works.maintained()


def test_the_word_of_another_life_of_a_reservation_does_not_count(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(POD)
    _allow(works, planned.id, replace(held, life=b"another1"))

    works.run()

    assert works.maintained() == set()


# Force


def test_force_takes_held_hosts_after_the_notice_and_not_before_the_window(works: Works) -> None:
    works.reservation()
    now = works.world.clock.now()
    opened = works.opened(rack(0), notice_seconds=NOTICE, end=now + 9 * HOUR)
    assert opened.force == Force(now, now + NOTICE)
    works.run(NOTICE - 1)
    assert works.maintained() == set()

    works.run(1)

    assert works.maintained() == {host(0, 0), host(0, 1)}


def test_a_notice_that_is_over_before_the_window_waits_for_it(works: Works) -> None:
    now = works.world.clock.now()
    plan = {"start": now + 5 * HOUR, "end": now + 9 * HOUR}
    assert works.planned(notice_seconds=NOTICE, **plan).force == Force(now, now + 5 * HOUR)


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({}, False),
        ({"end": 9 * HOUR}, False),
        ({"start": 6 * HOUR}, False),
        ({"notice_seconds": 8 * HOUR}, False),
        ({"start": HOUR}, True),
        ({"targets": (rack(0), rack(1))}, True),
    ],
)
def test_notice_is_given_again_for_what_holders_have_not_read(
    works: Works, *, changes: dict[str, object], again: bool
) -> None:
    began = works.world.clock.now()
    window = {"start": began + 5 * HOUR, "end": began + 9 * HOUR}
    planned = works.planned(notice_seconds=NOTICE, **window)
    works.world.clock.advance(60)
    moved = {k: began + v if k in ("start", "end") else v for k, v in changes.items()}  # type: ignore[operator]
    if "start" in moved:
        moved["end"] = began + 10 * HOUR

    force = works.change(planned, **{"notice_seconds": NOTICE, **moved}).force

    assert force is not None
    assert force.noticed_at == began + (60 if again else 0)
    assert force.takes_effect_at >= force.noticed_at + NOTICE


@pytest.mark.parametrize("targets", [(rack(1), rack(0)), (rack(1),)])
def test_the_same_or_fewer_targets_in_any_order_need_no_new_notice(
    works: Works, targets: tuple[Target, ...]
) -> None:
    planned = works.planned(rack(0), rack(1), notice_seconds=NOTICE)
    works.world.clock.advance(60)

    assert works.change(planned, targets=targets, notice_seconds=NOTICE).force == planned.force


def test_a_force_that_could_never_take_effect_is_refused(works: Works) -> None:
    planned = works.planned()
    for plan in (works.plan(notice_seconds=3 * HOUR), works.plan(notice_seconds=10 * HOUR)):
        with pytest.raises(InvalidRequest, match="when the maintenance is over"):
            plan_maintenance(works.world.services, OPERATOR, REGION, plan)
        with pytest.raises(InvalidRequest, match="when the maintenance is over"):
            change_maintenance(works.world.services, OPERATOR, planned.id, plan, planned.tag)
    assert works.read(planned) == planned


# Changing and cancelling


def test_targets_that_leave_an_open_maintenance_come_back(works: Works) -> None:
    opened = works.opened(rack(0), rack(1))
    assert len(works.maintained()) == 4

    changed = works.change(opened, targets=(rack(1),))
    assert works.free_units() == 3
    works.run(60)

    assert works.maintained() == {host(1, 0), host(1, 1)}
    assert set(works.taken(changed)) == works.maintained()


def test_targets_that_left_may_come_again(works: Works) -> None:
    opened = works.opened(rack(0))
    left = works.change(opened, targets=(rack(1),))
    works.run(60)

    works.change(left, targets=(rack(0), rack(1)))
    works.run(60)

    assert len(works.maintained()) == 4


def test_an_open_maintenance_keeps_its_beginning(works: Works) -> None:
    opened = works.opened()
    with pytest.raises(InvalidRequest, match="startTime"):
        works.change(opened, start=opened.start + 1)
    assert works.change(opened, end=opened.end + HOUR).end == opened.end + HOUR


def test_a_maintenance_that_is_over_cannot_be_changed(works: Works) -> None:
    planned = works.planned()
    works.cancel(planned)
    works.run()
    assert works.read(planned).status is MaintenanceStatus.CANCELLED
    with pytest.raises(StateConflict, match="cancelled"):
        works.change(works.read(planned))


def test_a_change_that_was_decided_on_an_older_state_is_refused(works: Works) -> None:
    """Two operators read the same plan; the second one to write has not seen what the first one did."""
    planned = works.planned()
    first = works.change(planned, reason="new pumps")

    with pytest.raises(PreconditionFailed):
        works.change(planned, reason="new cables after all")

    assert works.read(planned) == first


@pytest.mark.parametrize("act", ["change", "cancel"])
def test_a_change_loses_against_one_that_comes_while_it_is_decided(works: Works, act: str) -> None:
    planned = works.planned()
    services = works.world.services
    store = services.maintenances

    def change(before: Maintenance, after: Maintenance) -> Maintenance | None:
        works.change(planned, reason="new pumps") if act == "change" else works.cancel(planned)
        return store.change(before, after)

    rivalled = replace(services, maintenances=_Without(store, change=change))  # type: ignore[arg-type]
    with pytest.raises(PreconditionFailed):
        change_maintenance(rivalled, OPERATOR, planned.id, works.plan(reason="third"), planned.tag)

    assert works.read(planned).reason == ("new pumps" if act == "change" else "new cables")
    assert works.read(planned).is_active is (act == "change")


def test_a_cancelled_maintenance_gives_everything_back(works: Works) -> None:
    opened = works.opened(rack(0))

    cancelled = works.cancel(opened)
    assert cancelled.status is MaintenanceStatus.ENDING
    assert works.cancel(opened) == cancelled, "a repeat does nothing"
    works.run(60)

    assert works.read(opened).status is MaintenanceStatus.CANCELLED
    assert (works.maintained(), works.taken(opened), works.free_units()) == (set(), {}, 4)
    assert works.world.services.fleet.cordons(REGION).entries == ()


def test_an_unknown_maintenance_is_not_found(works: Works) -> None:
    planned = works.planned()
    for act in (works.change, works.cancel):
        with pytest.raises(NotFound):
            act(replace(planned, id="unknown"))


# Ending


def test_fit_hosts_are_for_sale_again_when_the_window_closes(works: Works) -> None:
    opened = works.opened(rack(0))
    works.run(3 * HOUR)

    over = works.read(opened)
    assert (over.status, over.over_at) == (MaintenanceStatus.ENDED, works.world.clock.now())
    assert (works.maintained(), works.taken(opened), works.free_units()) == (set(), {}, 4)


def test_a_window_that_nobody_saw_open_closes_all_the_same(works: Works) -> None:
    planned = works.planned(rack(0))
    works.run(4 * HOUR)
    assert works.read(planned).status is MaintenanceStatus.ENDED
    assert works.free_units() == 4


def test_a_host_that_stays_unfit_is_quarantined_and_the_others_are_for_sale(works: Works) -> None:
    opened = works.opened(rack(0))
    works.world.behaviour = SimulatedBehaviour(failing_hosts=frozenset({host(0, 1)}))

    works.run(3 * HOUR)
    assert works.read(opened).status is MaintenanceStatus.ENDING
    assert set(works.taken(opened)) == {host(0, 1)}, "it may have to boot"
    works.run(FIT_SECONDS_MAX)

    assert works.read(opened).status is MaintenanceStatus.ENDED
    (entry,) = works.world.services.fleet.cordons(REGION).entries
    assert (entry.target, entry.cause) == (Target(host_id=host(0, 1)), Cause.QUARANTINE)
    assert opened.id in (entry.evidence or "")
    assert "simulated hardware fault" in (entry.evidence or "")
    assert works.free_units() == 3
    assert works.maintained() == set()


def test_a_host_of_two_maintenances_comes_back_after_the_second(works: Works) -> None:
    first, second = works.opened(rack(0)), works.opened(POD, end=works.world.clock.now() + 9 * HOUR)

    works.run(3 * HOUR + FIT_SECONDS_MAX)
    assert works.read(first).status is MaintenanceStatus.ENDING
    assert host(0, 0) in works.maintained()
    works.cancel(second)
    works.run(60)
    works.run(60)

    assert works.read(first).status is MaintenanceStatus.ENDED
    assert (works.maintained(), works.free_units()) == (set(), 4)


# Leftovers


def test_entries_of_a_maintenance_that_nobody_knows_are_lifted(works: Works) -> None:
    planned = works.planned(rack(0))
    table = works.world.db
    table.delete_item(
        TableName="inventory", Key={"pk": {"S": "MAINTENANCES"}, "sk": {"S": f"MAINTENANCE#{planned.id}"}}
    )

    works.run()

    assert works.world.services.fleet.cordons(REGION).entries == ()
    assert works.free_units() == 4


def _servers(works: Works, placement: Placement) -> list[Server]:
    return list(works.world.services.provider.servers(placement.server_owner))

"""A reservation moves away from hosts that cannot be held: what it owns meanwhile, and what rivals change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.dynamodb.client import decode
from gpu_capacity.errors import InsufficientCapacity, ProviderUnavailable, RaceLost, StorageUnavailable
from gpu_capacity.placement.model import Placement
from gpu_capacity.providers.port import Readiness
from gpu_capacity.reservations.api.details import explain_provisioning
from gpu_capacity.reservations.items import decode_reservation, encode_reservation
from gpu_capacity.reservations.moving import MOVES_MAX, forget_named, move, release_left
from gpu_capacity.reservations.planning import plan_elsewhere
from gpu_capacity.reservations.provisioning import begin_provisioning, provision_reservation
from gpu_capacity.reservations.record import Reservation, Run, Status
from testkit.auditor import audit
from testkit.dynamodb import internal_error, timeout_before
from testkit.reservations import delete, reservation, reserve, stored, tear_down
from testkit.world import ORGANIZATION, REGION, World, pod

if TYPE_CHECKING:
    from collections.abc import Sequence

WHY = "host x is unfit: it is broken"


@pytest.fixture
def world() -> World:
    made = World(pods=(pod("pod1", 8), pod("pod2", 8)))
    made.set_quota(20)
    return made


def begun(world: World, count: int = 3) -> Reservation:
    """A reservation whose hosts are being held."""
    made = reserve(world, count).reservation
    found = begin_provisioning(world.services, (ORGANIZATION, made.id))
    assert found is not None
    world.services.provider.hold(found.hold_owner, REGION, hosts_of(found))
    return found


def hosts_of(found: Reservation, tray: int = 0) -> list[str]:
    return [f"{found.pod_id}-rack{position:02}-tray{tray:02}" for position in found.positions]


def moved(world: World, found: Reservation, why: str = WHY) -> Reservation:
    after = move(world.services, found, why)
    assert after is not None
    return after


def owned(world: World) -> set[tuple[str, int]]:
    return {(p.id, position) for p in world.pods for position in world.owners(p.id)}


def places(runs: Sequence[Run]) -> set[tuple[str, int]]:
    return {(run.placement.pod_id, position) for run in runs for position in run.placement.positions}


def finish(world: World, found: Reservation) -> Reservation:
    """Run its provisioning to the end."""
    for _ in range(60):
        if provision_reservation(world.services, ORGANIZATION, found.id)["outcome"] in ("done", "superseded"):
            break
        world.clock.advance(30)
    assert audit(world.db, now=world.clock.now()) == []
    return stored(world, found.id)


def test_it_keeps_the_old_run_until_the_new_one_is_settled_and_the_old_one_released(world: World) -> None:
    before = begun(world)
    after = moved(world, before)

    assert places(before.runs).isdisjoint(places(after.runs))
    assert (after.leaving, after.named, after.moved_for) == (before.runs, None, (WHY,))
    assert owned(world) == places(after.runs) | places(before.runs)
    assert (after.topology_hash, after.hardware) != (before.topology_hash, before.hardware)
    assert world.quota_used() == 3

    assert release_left(world.services, after) is None
    assert owned(world) == places(after.runs) | places(before.runs)
    world.clock.advance(30)
    events = len(world.events.zones)
    clean = release_left(world.services, after)
    assert clean is not None
    assert (clean.leaving, owned(world)) == ((), places(after.runs))
    assert len(world.events.zones) > events


def test_each_run_is_held_under_another_name_so_that_no_fence_stops_the_next(world: World) -> None:
    first = begun(world)
    second = moved(world, first)
    assert first.hold_owner == first.server_owner
    assert second.hold_owners == (first.hold_owner, second.hold_owner)
    assert len(set(second.hold_owners)) == 2
    assert {second.unit_id(p) for p in range(8)}.isdisjoint({first.unit_id(p) for p in range(8)})

    last = finish(world, second)
    assert (last.status, last.hold_owners) == (Status.PROVISIONED, (second.hold_owner,))
    assert world.services.provider.held(first.hold_owner) == []
    assert len(world.services.provider.held(last.hold_owner)) == last.hosts_expected


def test_it_is_not_provisioned_while_it_has_the_old_run(world: World) -> None:
    after = moved(world, begun(world))
    world.services.provider.hold(after.hold_owner, REGION, [*hosts_of(after), *hosts_of(after, 1)])
    world.clock.advance(30)
    # All of the new run is held; the old one is only being released.
    assert provision_reservation(world.services, ORGANIZATION, after.id)["outcome"] == "waiting"
    assert stored(world, after.id).status is Status.PROVISIONING
    world.clock.advance(30)
    assert provision_reservation(world.services, ORGANIZATION, after.id)["outcome"] == "done"


def test_a_rival_that_takes_the_run_first_only_costs_another_choice(world: World) -> None:
    before = begun(world)

    def rival(_operation: str, _parameters: Any) -> None:
        reserve(world, 3)

    world.db.before("update_item", rival, times=1)
    after = moved(world, before)
    assert len(owned(world)) == 9
    assert finish(world, after).status is Status.PROVISIONED


def test_a_delete_while_it_is_moving_leaves_nothing(world: World) -> None:
    before = begun(world)
    world.db.before("update_item", lambda *_: delete(world, before.id), times=1)

    assert move(world.services, before, WHY) is None

    assert owned(world) == places(before.runs)
    world.clock.advance(30)
    assert tear_down(world, before.id)["outcome"] in ("done", "waiting")
    world.clock.advance(30)
    tear_down(world, before.id)
    assert (owned(world), world.quota_used()) == (set(), 0)


def test_a_booking_that_lands_after_the_delete_is_refused(world: World) -> None:
    before = begun(world)
    late: list[dict[str, Any]] = []

    def lost(_operation: str, parameters: dict[str, Any]) -> None:
        late.append(parameters)
        timeout_before()(_operation, parameters)

    world.db.before("update_item", lost, times=None)
    with pytest.raises(StorageUnavailable):
        move(world.services, before, WHY)
    world.db.calm()
    delete(world, before.id)
    for _ in range(3):
        tear_down(world, before.id)
        world.clock.advance(30)
    assert owned(world) == set()

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        world.db.update_item(**late[0])
    assert owned(world) == set()


def test_a_step_that_died_is_taken_over_before_its_run_is_fenced(world: World) -> None:
    before = begun(world)
    world.db.after("update_item", internal_error(), times=None)
    with pytest.raises(StorageUnavailable):
        move(world.services, before, WHY)
    world.db.calm()
    dying = stored(world, before.id)
    assert dying.named is not None
    assert owned(world) == places(before.runs) | places([dying.named])

    clean = forget_named(world.services, dying)
    assert clean is not None
    assert (clean.named, owned(world)) == (None, places(before.runs))
    # The one that was thought dead goes on, on the record that it knows.
    assert forget_named(world.services, dying) is None
    assert finish(world, before).status is Status.PROVISIONED


def test_a_host_that_is_unfit_once_is_asked_for_again_before_anything_moves(world: World) -> None:
    found = begun(world)
    sick = replace(world.behaviour, failing_hosts=frozenset(hosts_of(found)[:1]))
    well, world.behaviour = world.behaviour, sick
    world.services = world.environment()
    world.services.provider.hold(found.hold_owner, REGION, hosts_of(found, 1))
    world.clock.advance(30)
    assert provision_reservation(world.services, ORGANIZATION, found.id)["outcome"] == "waiting"
    assert stored(world, found.id).checked_again == 1

    world.behaviour = well
    world.services = world.environment()
    assert provision_reservation(world.services, ORGANIZATION, found.id)["outcome"] == "done"
    assert (stored(world, found.id).moved_for, world.services.fleet.cordons(REGION).entries) == ((), ())


def test_after_the_last_move_it_fails_and_says_what_was_tried(world: World) -> None:
    reasons = tuple(f"host {n} is unfit: it is broken" for n in range(MOVES_MAX))
    found = begun(world)
    world.services.reservations.change(found, replace(found, moved_for=reasons))
    sick = replace(world.behaviour, failing_hosts=frozenset(hosts_of(found)[:1]))
    world.behaviour = sick
    world.services = world.environment()
    world.services.provider.fence(found.hold_owner)
    world.services.provider.release(found.hold_owner, hosts_of(found))
    world.clock.advance(30)

    failed = finish(world, found)

    assert failed.status is Status.ERROR
    assert failed.failure is not None
    assert failed.failure.endswith(
        "; before that its units were moved 5 times: "
        + "; ".join(f"({n}) {reason}" for n, reason in enumerate(reasons, 1))
    )
    assert (owned(world), world.quota_used()) == (set(), 0)
    assert world.services.fleet.cordons(REGION).quarantines.keys() == set(hosts_of(found)[:1])


@pytest.mark.parametrize("at", ["named", "leaving"])
def test_the_undo_of_a_reservation_that_is_moving_takes_both_runs_along(world: World, at: str) -> None:
    before = begun(world)
    if at == "named":
        world.db.after("update_item", internal_error(), times=None)
        with pytest.raises(StorageUnavailable):
            move(world.services, before, WHY)
        world.db.calm()
    else:
        moved(world, before)
    found = stored(world, before.id)
    world.services.reservations.change(found, replace(found, failure="the time is up"))

    assert finish(world, before).status is Status.ERROR
    assert (owned(world), world.quota_used()) == (set(), 0)


def test_where_nothing_else_is_free_it_says_so(world: World) -> None:
    before = begun(world, 3)
    world.clock.advance(3600)
    for count in (8, 3, 2):
        reserve(world, count)
    with pytest.raises((InsufficientCapacity, RaceLost)):
        move(world.services, before, WHY)


class Fitness:
    """A provider that says of some hosts that they are not ready."""

    def __init__(self, provider: Any, unfit: Sequence[str] = (), *, silent: bool = False) -> None:
        self._provider, self._unfit, self._silent = provider, unfit, silent
        self.asked = 0

    def fitness(self, host_ids: Sequence[str]) -> Any:
        self.asked += 1
        if self._silent:
            raise ProviderUnavailable("no answer")
        fit = self._provider.fitness(host_ids)
        not_ready = replace(next(iter(fit.values())), readiness=Readiness.NOT_READY)
        return {host: not_ready if host in self._unfit else fit[host] for host in fit}


def test_a_run_whose_hosts_are_all_ready_comes_first(world: World) -> None:
    before = begun(world)
    usual = plan_elsewhere(world.services, before, 0)
    unfit = f"{usual.pod.id}-rack{usual.placement.start + 1:02}-tray00"
    asked = Fitness(world.services.provider, [unfit])
    other = plan_elsewhere(replace(world.services, provider=asked), before, 0)  # type: ignore[arg-type]
    position = usual.placement.start + 1
    assert (other.pod.id, position) not in places([other.run])
    assert asked.asked == 2


@pytest.mark.parametrize("silent", [False, True])
def test_without_a_better_one_any_run_will_do(world: World, *, silent: bool) -> None:
    before = begun(world)
    every = [host.id for p in world.pods for domain in p.domains for host in domain.hosts]
    asked = Fitness(world.services.provider, every, silent=silent)
    usual = plan_elsewhere(world.services, before, 0)
    assert plan_elsewhere(replace(world.services, provider=asked), before, 0).placement == usual.placement  # type: ignore[arg-type]


def test_a_record_that_moves_between_pods_is_stored_and_read_back() -> None:
    new, old = Run(Placement("pod2", 1, 3), b"newtag"), Run(Placement("pod1", 2, 3), b"oldtag")
    for record in (
        reservation(runs=(new,), leaving=(old,), moved_for=(WHY,), status=Status.PROVISIONING),
        reservation(runs=(old,), named=new, status=Status.PROVISIONING),
        reservation(
            runs=(new,),
            moved_for=(WHY, WHY),
            checked_again=3,
            status=Status.PROVISIONED,
            unsettled_since=None,
        ),
    ):
        assert decode_reservation(decode(encode_reservation(record))) == record


def test_the_customer_reads_why_it_takes_longer() -> None:
    record = reservation(status=Status.PROVISIONING, moved_for=("host a is unfit", "host b is unfit"))
    assert explain_provisioning(record) == (
        "Provisioning",
        "holding 54 hosts of 3 units in another place, after host b is unfit",
    )

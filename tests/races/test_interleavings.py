"""Two clients in every order of their calls: one winner for the last of anything, and nothing leaks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import InsufficientCapacity, NotFound
from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.observation import Observed
from gpu_capacity.reservations.provisioning import (
    abandon_provisioning,
    begin_provisioning,
    complete_provisioning,
    fail_provisioning,
)
from gpu_capacity.reservations.record import Status
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.interleaving import every_interleaving
from testkit.reservations import stored, tear_down
from testkit.world import GB300, ORGANIZATION, REGION, World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.runtime.services import Services

    Client = Callable[[], object]

NOWHERE: frozenset[str] = frozenset()

INTERRUPTIONS_MAX = 2
"""Of creates: before one refuses it looks at eight shards, so that all orders are too many."""


def _world(racks: int = 1) -> World:
    return World(pods=(pod("pod1", racks, hosts=1),), trusting=True)


def _creator(services: Services, count: int = 1, key: str | None = None) -> Client:
    return lambda: create_reservation(services, caller(), request(count), idempotency_key=key)


def _deleter(services: Services, reservation_id: str) -> Client:
    return lambda: delete_reservation(services, caller(), reservation_id, NOWHERE)


def _warm(world: World) -> Services:
    """An environment that has served before, with catalogue, snapshot and hosts cached."""
    services = world.environment()
    services.inventory.region(REGION)
    services.inventory.snapshot(REGION, GB300.id)
    services.inventory.pod_at(REGION, "pod1", 1)
    return services


def _kinds(results: list[object]) -> list[str]:
    return sorted(type(result).__name__ for result in results)


def test_every_order_of_calls_is_run_once() -> None:
    """Two clients of three calls each have 20 orders."""
    orders = []
    for schedule in every_interleaving():
        world = _world()
        order: list[str] = []

        def client(name: str, world: World = world, order: list[str] = order) -> None:
            for _ in range(3):
                world.db.get_item(TableName="holders", Key=keys.feed())
                order.append(name)

        schedule.run(world.db, [partial(client, "a"), partial(client, "b")])
        orders.append("".join(order))

    assert len(orders) == len(set(orders)) == 20
    assert all(order.count("a") == 3 for order in orders)


def test_of_two_environments_with_empty_caches_exactly_one_gets_the_last_unit() -> None:
    schedules = 0
    prepared = _world()
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(
            world.db, [_creator(world.environment()), _creator(world.environment())]
        )
        schedules += 1

        assert _kinds(results) == ["InsufficientCapacity", "Observed"]
        assert units_held(world.db) == 1
        assert audit(world.db) == []
        assert len(world.workflows) == 1
    assert schedules > 100


def test_two_requests_that_both_fit_both_succeed() -> None:
    prepared = _world(racks=2)
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(world.db, [_creator(_warm(world)), _creator(_warm(world))])

        assert _kinds(results) == ["Observed", "Observed"]
        assert units_held(world.db) == 2
        assert audit(world.db) == []


def test_of_three_requests_for_the_last_two_racks_two_succeed() -> None:
    prepared = _world(racks=2)
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(world.db, [_creator(_warm(world)) for _ in range(3)])

        assert _kinds(results) == ["InsufficientCapacity", "Observed", "Observed"]
        assert audit(world.db) == []


def test_reservations_that_overlap_in_part_never_share_a_rack() -> None:
    prepared = _world(racks=5)
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(world.db, [_creator(_warm(world), 3), _creator(_warm(world), 3)])

        assert _kinds(results) == ["InsufficientCapacity", "Observed"]
        assert units_held(world.db) == 3
        assert audit(world.db) == []


def test_exactly_one_of_two_concurrent_requests_gets_the_rest_of_a_quota() -> None:
    prepared = _world(racks=4)
    prepared.set_quota(3)
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(world.db, [_creator(_warm(world), 2), _creator(_warm(world), 2)])

        assert _kinds(results) == ["Observed", "QuotaExceeded"]
        assert world.quota_used() == 2
        assert audit(world.db) == []


def test_one_key_sent_twice_concurrently_makes_one_reservation_and_both_return_it() -> None:
    prepared = _world(racks=3)
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(
            world.db, [_creator(_warm(world), 2, "k"), _creator(_warm(world), 2, "k")]
        )

        first, second = results
        assert isinstance(first, Observed)
        assert isinstance(second, Observed)
        assert first.reservation.id == second.reservation.id
        assert first.reservation.runs[0].placement == second.reservation.runs[0].placement
        assert units_held(world.db) == 2
        assert audit(world.db) == []
        assert len(world.workflows) == 1


def test_two_concurrent_deletes_start_one_teardown() -> None:
    prepared = _world(racks=2)
    made = create_reservation(prepared.services, caller(), request(2)).reservation
    for schedule in every_interleaving():
        world = prepared.twin()
        results = schedule.run(world.db, [_deleter(_warm(world), made.id), _deleter(_warm(world), made.id)])

        assert results == [None, None]
        assert sum(entry["machine"] == "deprovision" for entry in world.workflows.executions.values()) == 1
        assert [line.action for line in world.telemetry.audits].count("delete_reservation") == 1


def test_a_release_during_a_create_never_gives_away_what_is_still_owned() -> None:
    outcomes = set()
    prepared = _world(racks=2)
    made = create_reservation(prepared.services, caller(), request(2)).reservation
    delete_reservation(prepared.services, caller(), made.id, NOWHERE)
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world = prepared.twin()
        results = schedule.run_to_an_answer(
            world.db,
            [
                partial(release_reservation, _warm(world), ORGANIZATION, made.id),
                _creator(_warm(world), 2),
            ],
        )

        assert results[0] == {"outcome": "done"}
        outcomes.add(type(results[1]))
        assert audit(world.db) == []
    assert outcomes == {Observed, InsufficientCapacity}


def test_a_delete_overrides_the_beginning_of_provisioning() -> None:
    prepared = _world()
    made = create_reservation(prepared.services, caller(), request(1)).reservation
    for schedule in every_interleaving():
        world = prepared.twin()
        schedule.run(
            world.db,
            [
                partial(begin_provisioning, world.environment(), (ORGANIZATION, made.id)),
                _deleter(world.environment(), made.id),
            ],
        )

        assert stored(world, made.id).status is Status.DEPROVISIONING
        assert audit(world.db) == []


def test_a_delete_overrides_the_end_of_provisioning() -> None:
    prepared = _world()
    made = create_reservation(prepared.services, caller(), request(1)).reservation
    begin_provisioning(prepared.services, (ORGANIZATION, made.id))
    for schedule in every_interleaving():
        world = prepared.twin()
        schedule.run(
            world.db,
            [
                partial(complete_provisioning, world.environment(), (ORGANIZATION, made.id)),
                _deleter(world.environment(), made.id),
            ],
        )

        assert stored(world, made.id).status is Status.DEPROVISIONING
        assert audit(world.db) == []
        assert tear_down(world, made.id) == {"outcome": "done"}
        assert audit(world.db, now=world.clock.now()) == []


def test_a_delete_overrides_a_failure_and_capacity_is_given_back_once() -> None:
    prepared = _world()
    prepared.set_quota(1)
    made = create_reservation(prepared.services, caller(), request(1)).reservation
    begin_provisioning(prepared.services, (ORGANIZATION, made.id))
    abandon_provisioning(prepared.services, (ORGANIZATION, made.id), "a host is unfit")
    for schedule in every_interleaving():
        world = prepared.twin()
        schedule.run(
            world.db,
            [
                partial(fail_provisioning, world.environment(), (ORGANIZATION, made.id)),
                _deleter(world.environment(), made.id),
            ],
        )

        assert stored(world, made.id).status is Status.DEPROVISIONING
        assert audit(world.db) == []
        assert tear_down(world, made.id) == {"outcome": "done"}
        assert (units_held(world.db), world.quota_used()) == (0, 0)
        assert audit(world.db) == []


def test_the_end_and_the_undo_of_provisioning_exclude_each_other() -> None:
    seen = set()
    prepared = _world()
    made = create_reservation(prepared.services, caller(), request(1)).reservation
    begin_provisioning(prepared.services, (ORGANIZATION, made.id))
    for schedule in every_interleaving():
        world = prepared.twin()
        results = schedule.run(
            world.db,
            [
                partial(complete_provisioning, world.environment(), (ORGANIZATION, made.id)),
                partial(abandon_provisioning, world.environment(), (ORGANIZATION, made.id), "x"),
            ],
        )

        record = stored(world, made.id)
        assert (record.status is Status.PROVISIONED) == (record.failure is None)
        seen.add((results[0], record.failure))
    assert seen == {(Step.DONE, None), (Step.SUPERSEDED, "x")}


def test_two_concurrent_removals_free_everything_once() -> None:
    prepared = _world(racks=2)
    prepared.set_quota(2)
    made = create_reservation(prepared.services, caller(), request(2)).reservation
    delete_reservation(prepared.services, caller(), made.id, NOWHERE)
    for schedule in every_interleaving():
        world = prepared.twin()
        results = schedule.run(
            world.db,
            [partial(release_reservation, world.environment(), ORGANIZATION, made.id) for _ in range(2)],
        )

        assert results == [{"outcome": "done"}] * 2
        assert (units_held(world.db), world.quota_used()) == (0, 0)
        assert world.telemetry.counts["ReservationsRemoved"] == 1


def test_two_concurrent_reconciles_start_one_execution() -> None:
    """Each reads eight shards, so there are too many orders: these have at most two interruptions."""
    prepared = _world()
    made = create_reservation(prepared.services, caller(), request(1)).reservation
    (name,) = prepared.workflows.executions
    prepared.workflows.end(name)
    prepared.clock.advance(3600)
    for schedule in every_interleaving(interruptions_max=2):
        world = prepared.twin()
        schedule.run(world.db, [partial(reconcile, world.environment()) for _ in range(2)])

        assert len(world.workflows) == 2
        assert stored(world, made.id).attempt == 1


def test_a_delete_during_a_removal_is_answered_as_one_before_or_after_it() -> None:
    prepared = _world()
    made = create_reservation(prepared.services, caller(), request(1)).reservation
    delete_reservation(prepared.services, caller(), made.id, NOWHERE)
    for schedule in every_interleaving():
        world = prepared.twin()
        results = schedule.run(
            world.db,
            [
                _deleter(world.environment(), made.id),
                partial(release_reservation, world.environment(), ORGANIZATION, made.id),
            ],
        )

        assert results[0] is None or isinstance(results[0], NotFound)
        assert results[1] == {"outcome": "done"}
        assert units_held(world.db) == 0

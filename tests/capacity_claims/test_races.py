"""A concurrent request before every single database call: nothing is owned twice, and everything settles.

Each test runs a client once for every call that it makes; right before that call the other request runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.errors import (
    AlreadyExists,
    CapacityError,
    FailedPrecondition,
    InsufficientCapacity,
    NotFound,
)
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import instances_held, units_held
from testkit.auditor.claims import claim_records
from testkit.claims import (
    CHICAGO,
    ID,
    LONDON,
    calm,
    check,
    claim,
    drop,
    now,
    release,
    reserve,
    resize,
)
from testkit.interleaving import every_interleaving
from testkit.world import INSTANCE_TYPE, ORGANIZATION, World, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity.runtime.services import Services

    Act = Callable[["Scene", Services], object]

pytestmark = pytest.mark.slow

INTERRUPTIONS_MAX = 3
"""All orders are thousands; the simulation plays those of a filler and a reservation."""


@dataclass
class Scene:
    """A world and the holders in it."""

    world: World
    claims: list[CapacityClaim]
    reservations: list[str]


@dataclass
class Meeting:
    """The results of a client and of the request that ran in between."""

    scene: Scene
    client: object
    rival: object

    @property
    def world(self) -> World:
        return self.scene.world

    def settled(self) -> None:
        """Let everything settle; the tables must be consistent before and after."""
        check(self.world)
        calm(self.world)
        self.world.clock.advance(3600)
        reconcile(self.world.services)
        fill_zones(self.world.services)
        calm(self.world)
        check(self.world)


def tried(act: Act, scene: Scene, services: Services) -> object:
    try:
        return act(scene, services)
    except CapacityError as error:
        return error


def at_every_call(build: Callable[[], Scene], client: Act, rival: Act) -> Iterator[Meeting]:
    """A fresh scene for each call of the client; the other request runs as a whole right before it."""
    for call in range(1000):
        scene = build()
        met: list[object] = []

        def meet(_operation: str, _parameters: object, scene: Scene = scene, met: list[object] = met) -> None:
            met.append(tried(rival, scene, scene.world.environment()))

        hook = scene.world.db.before("*", meet, skip=call)
        ended = tried(client, scene, scene.world.environment())
        if not hook.fired:
            assert call
            return
        yield Meeting(scene, ended, met[0])


def free_rack() -> Scene:
    """One rack of two hosts, free."""
    return Scene(World(pods=(pod("lon1", 1),), trusting=True), [], [])


def waiting_for_two() -> Scene:
    """A claim of two waits; a rack for it has just become free and the filler has not run."""
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO)), trusting=True)
    blocking = reserve(world)
    waiting = claim(world, 2)
    release(world, blocking)
    world.events.zones.clear()
    return Scene(world, [waiting], [])


def ready() -> Scene:
    """A complete claim with instances in two zones."""
    world = World(pods=(pod("lon1", 1), pod("chi1", 2, region_id=CHICAGO)), trusting=True)
    return Scene(world, [claim(world, 4, LONDON, CHICAGO)], [])


def fill(scene: Scene, services: Services) -> object:
    return fill_zones(services)


def settle_it(scene: Scene, services: Services) -> object:
    made = scene.claims[0]
    return settle_capacity_claim(services, made.organization_id, made.id)


def make(count: int, **options: str) -> Act:
    return lambda scene, services: claim(scene.world, count, services=services, **options)  # type: ignore[arg-type]


def resize_to(count: int, *zones: str) -> Act:
    return lambda scene, services: resize(
        scene.world, scene.claims[0], count, *(zones or (LONDON, CHICAGO)), services=services
    )


def delete(scene: Scene, services: Services) -> object:
    return drop(scene.world, scene.claims[0], services=services)


def take_rack(scene: Scene, services: Services) -> object:
    return reserve(scene.world, 1, LONDON, services=services)


def test_two_concurrent_fillers_give_the_same_as_one() -> None:
    for met in at_every_call(waiting_for_two, fill, fill):
        assert now(met.world, met.scene.claims[0]).allocated == 2
        assert instances_held(met.world.db) == 2
        met.settled()


def test_two_claims_for_the_last_host_leave_one_waiting() -> None:
    def one_tray_left() -> Scene:
        scene = free_rack()
        claim(scene.world, 1)
        return scene

    for met in at_every_call(one_tray_left, make(1), make(1)):
        met.settled()
        assert instances_held(met.world.db) == 2
        assert sorted(record.pending for record in claim_records(met.world.db)) == [0, 0, 1]


def test_a_rack_goes_to_the_reservation_or_to_the_claim_and_never_to_both() -> None:
    winners = set()
    for client, rival in ((make(1), take_rack), (take_rack, make(1))):
        for met in at_every_call(free_rack, client, rival):
            reservation, trays = units_held(met.world.db), instances_held(met.world.db)
            assert (reservation, trays) in {(1, 0), (0, 1)}
            results = (met.client, met.rival)
            assert any(isinstance(r, InsufficientCapacity) for r in results) == (trays == 1)
            winners.add((client is take_rack, reservation))
            met.settled()
    # After the call that counts the reservation reads its quota once more: a request there is the second.
    assert winners == {(True, 0), (True, 1), (False, 0), (False, 1)}


def test_the_same_holds_for_orders_of_their_calls_once_both_have_read() -> None:
    """The calls from the last read of each on, in every order with few interruptions."""
    kinds = set()
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        scene = waiting_for_two()
        filler, customer = scene.world.environment(), scene.world.environment()
        customer.inventory.region(LONDON)
        customer.inventory.snapshot(LONDON, "g.72.gb300.pinned")
        customer.inventory.pod_at(LONDON, "lon1", 1)
        results = schedule.run(
            scene.world.db,
            [
                lambda s=scene, e=filler: settle_it(s, e),  # type: ignore[misc]
                lambda s=scene, e=customer: tried(take_rack, s, e),  # type: ignore[misc]
            ],
        )
        lost = isinstance(results[1], InsufficientCapacity)
        kinds.add(lost)
        assert (units_held(scene.world.db), instances_held(scene.world.db)) == ((0, 2) if lost else (1, 0))
        check(scene.world)
    assert kinds == {True, False}


def test_a_rack_owned_in_part_is_not_reserved_and_a_reserved_rack_gives_no_host_to_a_claim() -> None:
    scene = free_rack()
    made = claim(scene.world, 1)
    with pytest.raises(InsufficientCapacity):
        reserve(scene.world)
    drop(scene.world, made)
    calm(scene.world)
    reserve(scene.world)
    assert claim(scene.world, 1).pending == 1
    check(scene.world)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("build", [waiting_for_two, ready])
def test_an_update_during_a_filler_run_ends_in_the_state_the_update_asks_for(
    build: Callable[[], Scene], count: int
) -> None:
    for client, rival in ((fill, resize_to(count)), (resize_to(count), fill)):
        for met in at_every_call(build, client, rival):
            met.settled()
            made = now(met.world, met.scene.claims[0])
            room = 4 if build is waiting_for_two else 6
            assert (made.instance_count, made.allocated) == (count, min(count, room))


def test_a_move_during_a_filler_run_ends_in_the_new_zone() -> None:
    for client, rival in ((fill, resize_to(2, CHICAGO)), (resize_to(2, CHICAGO), fill)):
        for met in at_every_call(waiting_for_two, client, rival):
            met.settled()
            made = now(met.world, met.scene.claims[0])
            assert (made.in_zone(LONDON), made.in_zone(CHICAGO)) == (0, 2)


@pytest.mark.parametrize("build", [waiting_for_two, ready])
def test_a_delete_overrides_any_concurrent_request(build: Callable[[], Scene]) -> None:
    for client in (fill, settle_it, resize_to(6), resize_to(1), resize_to(2, CHICAGO)):
        for met in at_every_call(build, client, delete):
            assert not isinstance(met.client, CapacityError) or isinstance(
                met.client, FailedPrecondition | NotFound
            )
            met.settled()
            assert claim_records(met.world.db) == []
            assert instances_held(met.world.db) == 0
        for met in at_every_call(build, delete, client):
            met.settled()
            assert claim_records(met.world.db) == []
            assert instances_held(met.world.db) == 0


def test_of_two_concurrent_updates_one_determines_the_result() -> None:
    ends = set()
    for met in at_every_call(ready, resize_to(1), resize_to(6)):
        met.settled()
        made = now(met.world, met.scene.claims[0])
        assert made.pending == 0
        ends.add(made.allocated)
    # The other request ends before the client's write, which is the last, unless it had written.
    assert ends == {1, 6}


def test_two_concurrent_rounds_of_giving_back_give_back_once() -> None:
    def shrunk() -> Scene:
        scene = ready()
        delete(scene, scene.world.services)
        return scene

    for met in at_every_call(shrunk, settle_it, settle_it):
        met.settled()
        assert instances_held(met.world.db) == 0


def test_after_a_release_during_a_filler_run_its_event_serves_waiting_claims() -> None:
    def blocked() -> Scene:
        world = World(pods=(pod("lon1", 1),), trusting=True)
        held = claim(world, 2)
        return Scene(world, [held, claim(world, 1)], [])

    def end(scene: Scene, services: Services) -> object:
        drop(scene.world, scene.claims[0])
        settle_it(scene, services)
        return settle_it(scene, services)

    for client, rival in ((fill, end), (end, fill)):
        for met in at_every_call(blocked, client, rival):
            calm(met.world)
            assert now(met.world, met.scene.claims[1]).pending == 0
            met.settled()


def test_an_older_claim_that_grows_is_not_overtaken_by_one_being_served() -> None:
    def two_wait() -> Scene:
        world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO)), trusting=True)
        blocking = reserve(world)
        older = claim(world, 2, CHICAGO)
        younger = claim(world, 2, LONDON)
        release(world, blocking)
        world.events.zones.clear()
        return Scene(world, [older, younger], [])

    served = set()
    for met in at_every_call(two_wait, fill, resize_to(4, LONDON, CHICAGO)):
        older, younger = (now(met.world, made) for made in met.scene.claims)
        # London goes to the older claim if it asked before the younger one had it.
        assert sorted([older.pending, younger.pending]) == [0, 2]
        served.add(older.pending)
        met.settled()
    assert served == {0, 2}


def test_two_concurrent_creates_under_one_id_make_one_claim_and_both_succeed() -> None:
    for met in at_every_call(free_rack, make(1, claim_id=ID), make(1, claim_id=ID)):
        assert not isinstance(met.client, CapacityError)
        assert not isinstance(met.rival, CapacityError)
        met.settled()
        assert [(r.id, r.allocated) for r in claim_records(met.world.db)] == [(ID, 1)]


def test_two_concurrent_creates_with_one_id_and_two_bodies_make_one_claim() -> None:
    for met in at_every_call(free_rack, make(1, claim_id=ID), make(2, claim_id=ID)):
        assert isinstance(met.client, AlreadyExists) != isinstance(met.rival, AlreadyExists)
        met.settled()
        assert len(claim_records(met.world.db)) == 1


def test_one_request_sent_twice_concurrently_makes_one_claim_and_both_responses_show_it() -> None:
    for met in at_every_call(free_rack, make(1, name="inference"), make(1, name="inference")):
        assert isinstance(met.client, CapacityClaim)
        assert isinstance(met.rival, CapacityClaim)
        assert met.client.id == met.rival.id
        met.settled()
        assert len(claim_records(met.world.db)) == 1


def test_of_two_concurrent_creates_under_one_name_one_succeeds() -> None:
    for met in at_every_call(free_rack, make(1, name="inference"), make(2, name="inference")):
        assert isinstance(met.client, AlreadyExists) != isinstance(met.rival, AlreadyExists)
        met.settled()
        assert len(claim_records(met.world.db)) == 1


def test_the_rest_of_a_quota_is_used_by_one_of_two_concurrent_requests() -> None:
    def limited() -> Scene:
        scene = free_rack()
        scene.world.set_quota(3, "instances")
        return scene

    for met in at_every_call(limited, make(2), make(2)):
        assert isinstance(met.client, CapacityError) != isinstance(met.rival, CapacityError)
        met.settled()
        quota = met.world.services.quotas.read(ORGANIZATION, INSTANCES)
        assert quota is not None
        assert quota.used == 2


def test_two_concurrent_reconciles_start_each_missing_workflow_once() -> None:
    def left_alone() -> Scene:
        scene = ready()
        scene.world.workflows.down = True
        delete(scene, scene.world.services)
        scene.world.workflows.down = False
        scene.world.clock.advance(3600)
        return scene

    for met in at_every_call(
        left_alone, lambda _, services: reconcile(services), lambda _, services: reconcile(services)
    ):
        assert len(met.world.workflows) == 1
        met.settled()
        assert claim_records(met.world.db) == []


def test_the_first_claim_of_a_queue_is_the_first_in_the_table() -> None:
    scene = waiting_for_two()
    made = scene.claims[0]
    head = scene.world.services.claims.head_of_queue(LONDON, INSTANCE_TYPE)
    assert (head.holder, head.returns) == ((made.organization_id, made.id), 0)

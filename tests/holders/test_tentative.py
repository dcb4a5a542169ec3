"""What is merely under claim is no reason for a \"no\"; and records that a quota comes upon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import InsufficientCapacity, RaceLost
from gpu_capacity.holders import tentative
from gpu_capacity.reservations import claiming, store
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.dynamodb import Died, dies
from testkit.reservations import records, reserve
from testkit.vms.scene import NODE_OFFERING, SITE, Scene
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.reservations.request import ReservationRequest
    from gpu_capacity.runtime.services import Services

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def _settles(parameters: dict[str, Any]) -> bool:
    return bool(parameters["Item"].get("status") == {"S": "pending"})


def die_before_settling(db: Any, services: Services, wanted: ReservationRequest, key: str | None) -> None:
    db.before("put_item", dies, only=_settles)
    with pytest.raises(Died):
        create_reservation(services, caller(), wanted, idempotency_key=key)


def record(world: World) -> dict[str, Any]:
    (found,) = [i for i in world.db.table(HOLDERS).items() if i["sk"]["S"].startswith("RESERVATION#")]
    return found


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 4),))


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_what_a_claimant_may_give_back_is_no_reason_to_refuse_whatever_clocks_say(
    world: World, seconds: int
) -> None:
    """The clock of the one that is refused is behind that of the claimant, or ahead of it."""
    die_before_settling(world.db, world.services, request(4), None)
    world.clock.advance(seconds)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))
    with pytest.raises(InsufficientCapacity):
        create_reservation(world.environment(), caller(), request(5))


def test_what_is_given_back_while_it_is_looked_up_who_is_claiming_is_taken(world: World) -> None:
    """What was read before that shows it as booked, and the index does not show the claimant any more."""
    die_before_settling(world.db, world.services, request(4), None)
    world.clock.advance(120)
    rival = world.environment()
    world.db.before("query", lambda *_: reconcile(rival), only=lambda query: "IndexName" in query)

    assert reserve(world, 4).reservation.count == 4
    assert audit(world.db) == []


def test_what_is_booked_while_it_is_looked_up_who_is_claiming_may_be_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claimant of the one gives up and another comes, of whom the look-up could not know."""
    die_before_settling(world.db, world.services, request(4), None)
    world.clock.advance(120)
    rival = world.environment()

    def change_hands(*_: object) -> None:
        reconcile(rival)
        with monkeypatch.context() as patches:
            patches.setattr(claiming, "_settle", dies)
            with pytest.raises(Died):
                create_reservation(rival, caller(), request(4))

    shards = 8
    world.db.after("query", change_hands, only=lambda query: "IndexName" in query, skip=shards - 1)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))


def test_a_pod_that_cannot_be_read_hides_nobody_who_is_claiming() -> None:
    world = World(pods=(pod("pod1", 4), pod("pod2", 1)))
    die_before_settling(world.db, world.services, request(4), None)
    shape = next(i for i in world.db.table(INVENTORY).items() if i["pk"]["S"].startswith("SHAPES#"))
    assert shape["sk"] == {"S": "POD#pod1"}
    other = shape | {"sk": {"S": "POD#pod2"}, "v": {"S": "of no form"}}
    world.db.put_item(TableName=INVENTORY, Item=other)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))


def test_a_vm_is_not_refused_for_good_on_a_node_that_a_claimant_may_give_back() -> None:
    scene = Scene(count=1)
    wanted = request(1, accelerator=NODE_OFFERING.accelerator, unit=NODE_OFFERING.unit, region_id=SITE.id)
    die_before_settling(scene.world.db, scene.services, wanted, None)

    with pytest.raises(RaceLost, match="being claimed"):
        scene.create(1)

    scene.world.clock.advance(3_600)
    reconcile(scene.services)
    assert scene.create(1).gpus


def test_a_record_that_is_gone_on_with_is_counted_if_a_quota_came_meanwhile(world: World) -> None:
    """Whoever set the quota died before it counted in what was there."""
    die_before_settling(world.db, world.services, request(2), KEY)
    world.services.quotas.start_counting(ORGANIZATION, "GB300")
    world.clock.advance(3_600)

    assert reserve(world, 2, key=KEY).reservation.counted
    assert world.quota_used() == 2
    assert audit(world.db) == []


def test_without_a_quota_a_record_is_gone_on_with(world: World) -> None:
    die_before_settling(world.db, world.services, request(2), KEY)
    life = record(world)["life"]
    world.clock.advance(3_600)

    reserve(world, 2, key=KEY)

    assert (record(world)["life"], records(world)) == (life, ["pending"])
    assert units_held(world.db) == 2
    assert audit(world.db) == []


def test_a_quota_that_comes_after_the_record_counts_the_record_that_stands(world: World) -> None:
    """Before the claimant looks at the quota; the record keeps its life, and what it names."""
    put: list[dict[str, Any]] = []

    def come(_operation: str, parameters: dict[str, Any]) -> None:
        put.append(parameters["Item"])
        world.services.quotas.start_counting(ORGANIZATION, "GB300")

    def see(_operation: str, parameters: dict[str, Any]) -> None:
        put.append(parameters["TransactItems"][-1]["Put"]["Item"])

    world.db.after("put_item", come)
    world.db.before("transact_write_items", see)

    assert reserve(world, 2).reservation.counted
    assert world.quota_used() == 2
    first, then = put
    assert ("counted" in first, "counted" in then) == (False, True)
    for attribute in ("life", "named_tag"):
        assert then[attribute] == first[attribute]


@pytest.mark.parametrize("settled_after", [False, True], ids=["before the others", "after the others"])
def test_a_claimant_among_many_who_are_unsettled_is_no_reason_to_refuse(
    monkeypatch: pytest.MonkeyPatch, *, settled_after: bool
) -> None:
    """More than are read; whether the claimant is the newest of them, or older than all that are read."""
    monkeypatch.setattr(store, "CLAIMING_SHARD_MAX", 1)
    world = World(pods=(pod("pod1", 44),))
    others = 20 if settled_after else 40
    for _ in range(40 - others):
        reserve(world, 1)
    world.clock.advance(5)
    die_before_settling(world.db, world.services, request(4), None)
    world.clock.advance(5)
    for _ in range(others):
        create_reservation(world.environment(), caller(), request(1))

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(1))


def test_when_many_are_unsettled_what_was_booked_before_them_is_a_reason_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "CLAIMING_SHARD_MAX", 1)
    world = World(pods=(pod("pod1", 44),))
    reserve(world, 24)
    world.clock.advance(tentative.TENTATIVE_SECONDS_MAX + 1)
    for _ in range(20):
        reserve(world, 1)

    with pytest.raises(InsufficientCapacity):
        create_reservation(world.environment(), caller(), request(21))


def test_who_adopts_an_old_record_is_claiming_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    die_before_settling(world.db, world.services, request(4), KEY)
    world.clock.advance(tentative.TENTATIVE_SECONDS_MAX + 100)
    with monkeypatch.context() as patches:
        patches.setattr(claiming, "_settle", dies)
        with pytest.raises(Died):
            create_reservation(world.environment(), caller(), request(4), idempotency_key=KEY)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))

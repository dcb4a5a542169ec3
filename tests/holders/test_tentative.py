"""Tentative bookings never cause a refusal; and a quota may be set while a record is being created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.keys import UNSETTLED_SHARDS
from gpu_capacity.errors import InsufficientCapacity, RaceLost
from gpu_capacity.holders import tentative
from gpu_capacity.reservations import claiming, store
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.dynamodb import Died, dies
from testkit.reservations import RESERVATION_ID, records, reservation, reserve
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
def test_a_tentative_booking_never_causes_a_refusal_even_with_clock_skew(world: World, seconds: int) -> None:
    """The clock of the refused request is behind or ahead of the clock of the request that booked."""
    die_before_settling(world.db, world.services, request(4), None)
    world.clock.advance(seconds)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))
    with pytest.raises(InsufficientCapacity):
        create_reservation(world.environment(), caller(), request(5))


def test_capacity_given_back_during_the_look_up_of_claiming_records_can_be_taken(world: World) -> None:
    """The earlier read shows the booking, and the index no longer shows its record."""
    die_before_settling(world.db, world.services, request(4), None)
    world.clock.advance(120)
    rival = world.environment()
    world.db.before("query", lambda *_: reconcile(rival), only=lambda query: "IndexName" in query)

    assert reserve(world, 4).reservation.count == 4
    assert audit(world.db) == []


def test_a_booking_made_during_the_look_up_of_claiming_records_counts_as_tentative(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the refused request is behind or ahead of the clock of the one that booked."""
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


def test_an_unreadable_pod_does_not_hide_claiming_records_in_other_pods() -> None:
    world = World(pods=(pod("pod1", 4), pod("pod2", 1)))
    die_before_settling(world.db, world.services, request(4), None)
    shape = next(i for i in world.db.table(INVENTORY).items() if i["pk"]["S"].startswith("SHAPES#"))
    assert shape["sk"] == {"S": "POD#pod1"}
    other = shape | {"sk": {"S": "POD#pod2"}, "v": {"S": "of no form"}}
    world.db.put_item(TableName=INVENTORY, Item=other)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))


def test_a_tentative_reservation_of_a_node_makes_a_vm_request_retry_instead_of_failing() -> None:
    scene = Scene(count=1)
    wanted = request(1, accelerator=NODE_OFFERING.accelerator, unit=NODE_OFFERING.unit, region_id=SITE.id)
    die_before_settling(scene.world.db, scene.services, wanted, None)

    with pytest.raises(RaceLost, match="being claimed"):
        scene.create(1)

    scene.world.clock.advance(3_600)
    reconcile(scene.services)
    assert scene.create(1).gpus


def test_a_resumed_record_is_counted_if_a_quota_was_set_meanwhile(world: World) -> None:
    """The process that set the quota died before it counted existing holders."""
    die_before_settling(world.db, world.services, request(2), KEY)
    world.services.quotas.start_counting(ORGANIZATION, "GB300")
    world.clock.advance(3_600)

    assert reserve(world, 2, key=KEY).reservation.counted
    assert world.quota_used() == 2
    assert audit(world.db) == []


def test_without_a_quota_a_record_is_resumed_uncounted(world: World) -> None:
    die_before_settling(world.db, world.services, request(2), KEY)
    life = record(world)["life"]
    world.clock.advance(3_600)

    reserve(world, 2, key=KEY)

    assert (record(world)["life"], records(world)) == (life, ["pending"])
    assert units_held(world.db) == 2
    assert audit(world.db) == []


def test_a_quota_set_right_after_the_record_is_written_counts_that_record(world: World) -> None:
    """The quota is set before the request reads it; the record keeps its life and the tag that it names."""
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
def test_a_claiming_record_among_many_unsettled_ones_still_causes_no_refusal(
    monkeypatch: pytest.MonkeyPatch, *, settled_after: bool
) -> None:
    """More than are read; the claiming one is the newest of them, or older than all that are read."""
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


def test_with_many_unsettled_records_a_booking_older_than_them_does_cause_a_refusal(
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


def test_records_that_are_due_later_do_not_make_a_request_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of them as are read of each shard."""
    monkeypatch.setattr(store, "CLAIMING_SHARD_MAX", 2)
    world = World(pods=(pod("pod1", 44),))
    reserve(world, 24)
    now, ids = world.clock.now(), (f"{RESERVATION_ID[:-4]}{n:04x}" for n in range(2 * UNSETTLED_SHARDS))
    for due in (reservation(id=one, unsettled_since=now + 3600) for one in ids):
        assert world.services.reservations.create(due, now) is None

    with pytest.raises(InsufficientCapacity):
        create_reservation(world.environment(), caller(), request(21))


def test_a_resumed_old_record_counts_as_claiming_from_now_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_before_settling(world.db, world.services, request(4), KEY)
    world.clock.advance(tentative.TENTATIVE_SECONDS_MAX + 100)
    with monkeypatch.context() as patches:
        patches.setattr(claiming, "_settle", dies)
        with pytest.raises(Died):
            create_reservation(world.environment(), caller(), request(4), idempotency_key=KEY)

    with pytest.raises(RaceLost, match="being claimed"):
        create_reservation(world.environment(), caller(), request(2))

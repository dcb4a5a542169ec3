"""Records under lives and revisions: what is refused, and what a lost answer comes to."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS, Tombstone
from gpu_capacity.dynamodb.writes import Put, Update
from gpu_capacity.errors import RaceLost, StorageUnavailable
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import Reservation, Status
from testkit.dynamodb import item_conflict, throttled, timeout_after, timeout_before
from testkit.reservations import RESERVATION_ID, reservation
from testkit.world import HOLDERS, ORGANIZATION, World

if TYPE_CHECKING:
    from gpu_capacity.reservations.store import ReservationStore

NEW = reservation(life=b"life-one", revision=1, tag=b"tag-01")
KEY = keys.reservation(ORGANIZATION, RESERVATION_ID)
UNFINISHED = Tombstone(NEW.fingerprint, NEW.life, finished=False)


@pytest.fixture
def store(world: World) -> ReservationStore:
    return world.services.reservations


def create(store: ReservationStore, world: World, record: Reservation = NEW, **more: Any) -> Refused | None:
    return store.create(record, world.clock.now(), **more)


def test_a_record_is_found_as_it_was_made(store: ReservationStore, world: World) -> None:
    assert create(store, world) is None
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_an_id_that_is_taken_brings_the_record(store: ReservationStore, world: World) -> None:
    create(store, world)
    refused = create(store, world, replace(NEW, life=b"life-two"))

    assert isinstance(refused, Refused)
    assert store.read(refused.items["record"] or {}) == NEW


@pytest.mark.parametrize("operation", ["after", "before"])
def test_a_record_whose_answer_was_lost_is_ones_own(
    store: ReservationStore, world: World, operation: str
) -> None:
    lost = timeout_after() if operation == "after" else timeout_before()
    getattr(world.db, operation)("put_item", lost, times=2)

    assert create(store, world) is None
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_another_life_is_never_ones_own(store: ReservationStore, world: World) -> None:
    """Two clients of one key in one second: each sees by its life that the record is not its own."""
    create(store, world, replace(NEW, life=b"life-two"))
    world.db.before("put_item", timeout_before())

    assert isinstance(create(store, world), Refused)


def test_every_change_raises_the_revision_and_demands_the_one_before(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    begun = store.change(NEW, replace(NEW, status=Status.PROVISIONING))

    assert begun == replace(NEW, status=Status.PROVISIONING, revision=2)
    assert isinstance(store.change(NEW, replace(NEW, name="other")), Refused)
    assert store.get(ORGANIZATION, RESERVATION_ID) == begun


def test_a_late_change_of_an_earlier_life_is_refused(store: ReservationStore, world: World) -> None:
    create(store, world, replace(NEW, life=b"life-two"))

    assert isinstance(store.change(NEW, replace(NEW, name="late")), Refused)


def test_a_change_whose_answer_was_lost_stands_once(store: ReservationStore, world: World) -> None:
    create(store, world)
    world.db.after("put_item", timeout_after())

    assert store.change(NEW, replace(NEW, name="new")) == replace(NEW, name="new", revision=2)


def test_a_rivals_change_is_not_taken_for_ones_own(store: ReservationStore, world: World) -> None:
    """It has the revision that ones own would have had."""
    create(store, world)
    world.db.before("put_item", timeout_before())
    world.db.before("put_item", lambda *_: store.change(NEW, replace(NEW, name="rival")) and None)

    assert isinstance(store.change(NEW, replace(NEW, name="mine")), Refused)
    found = store.get(ORGANIZATION, RESERVATION_ID)
    assert found is not None
    assert found.name == "rival"


def test_what_changes_beside_a_record_changes_with_it_or_not_at_all(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    beside = Update(
        "beside", HOLDERS, keys.quota(ORGANIZATION, "GB300"), "SET used = :u", "attribute_exists(pk)"
    )
    beside = replace(beside, values=encode({":u": 1}))

    refused = store.change(NEW, replace(NEW, name="new"), beside)

    assert isinstance(refused, Refused)
    assert refused.items.keys() == {"beside"}
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_a_move_that_no_reservation_makes_cannot_be_written(store: ReservationStore, world: World) -> None:
    create(store, world)
    with pytest.raises(ValueError, match="never from pending to provisioned"):
        store.change(NEW, replace(NEW, status=Status.PROVISIONED))


@pytest.mark.parametrize("keyed", [True, False])
def test_every_record_leaves_a_tombstone_of_its_life(
    store: ReservationStore, world: World, *, keyed: bool
) -> None:
    """Else a put that lands late would raise a record from the dead."""
    record = replace(NEW, keyed=keyed)
    create(store, world, record)
    assert store.remove(record, world.clock.now()) is None

    assert store.find(ORGANIZATION, RESERVATION_ID) == Tombstone(NEW.fingerprint, NEW.life)
    assert store.get(ORGANIZATION, RESERVATION_ID) is None
    assert isinstance(create(store, world, record), Refused)


def test_a_tombstone_ends_after_a_day(store: ReservationStore, world: World) -> None:
    create(store, world)
    store.remove(NEW, world.clock.now())
    world.clock.advance(TOMBSTONE_SECONDS)

    assert create(store, world, replace(NEW, life=b"life-two")) is None


def test_a_removal_whose_answer_was_lost_is_over(store: ReservationStore, world: World) -> None:
    create(store, world)
    world.db.after("put_item", timeout_after())

    assert store.remove(NEW, world.clock.now()) is None


def test_what_never_came_to_be_may_be_made_over_its_tombstone_and_only_by_who_saw_it(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    store.remove(NEW, world.clock.now(), finished=False)
    second = replace(NEW, life=b"life-two")

    assert store.find(ORGANIZATION, RESERVATION_ID) == UNFINISHED
    assert isinstance(create(store, world), Refused)
    assert isinstance(create(store, world, second, over=Tombstone("f", b"life-xyz", finished=False)), Refused)
    assert create(store, world, second, over=UNFINISHED) is None


def test_no_earlier_put_lands_over_the_tombstone_of_a_later_life(
    store: ReservationStore, world: World
) -> None:
    """A put that was answered may land once more: neither life can come back by it."""
    second = replace(NEW, life=b"life-two")
    create(store, world)
    store.remove(NEW, world.clock.now(), finished=False)
    create(store, world, second, over=UNFINISHED)
    store.remove(second, world.clock.now(), finished=False)

    assert isinstance(create(store, world), Refused)
    assert isinstance(create(store, world, second, over=UNFINISHED), Refused)


@pytest.mark.parametrize("rival", ["pending", "failure", "counted", "attempt"])
def test_a_record_of_an_earlier_version_is_changed_as_it_was_read_or_not_at_all(
    store: ReservationStore, world: World, rival: str
) -> None:
    old = reservation(status=Status.PROVISIONING)
    item = encode_reservation(old)
    del item["schema"]
    world.db.put_item(TableName=HOLDERS, Item=item)
    assert store.find(ORGANIZATION, RESERVATION_ID) == old
    if rival != "pending":
        changed = {"failure": "a host failed", "counted": True, "attempt": 5}[rival]
        world.db.put_item(TableName=HOLDERS, Item=item | encode({rival: changed}))

    outcome = store.change(old, replace(old, status=Status.PROVISIONED, unsettled_since=None))

    assert isinstance(outcome, Refused) is (rival != "pending")


def test_conflicts_are_waited_out_up_to_twelve_times(store: ReservationStore, world: World) -> None:
    world.db.before("put_item", item_conflict(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        create(store, world)
    assert not caught.value.outcome_unknown
    assert world.pause.attempts == list(range(12))


def test_what_was_throttled_to_the_end_was_not_written(store: ReservationStore, world: World) -> None:
    world.db.before("put_item", throttled(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        create(store, world)
    assert not caught.value.outcome_unknown


def test_after_an_unseen_try_nobody_says_that_nothing_stands(store: ReservationStore, world: World) -> None:
    world.db.before("put_item", timeout_before())
    world.db.before("put_item", throttled(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        create(store, world)
    assert caught.value.outcome_unknown


def test_a_claiming_record_is_shown_to_nobody(store: ReservationStore, world: World) -> None:
    create(store, world, replace(NEW, status=Status.CLAIMING))

    assert store.get(ORGANIZATION, RESERVATION_ID) is None
    assert store.get_in([ORGANIZATION], RESERVATION_ID) is None
    assert list(store.of_organization(ORGANIZATION)) == []
    assert [r.id for r in store.every(ORGANIZATION)] == [RESERVATION_ID]
    assert [r.id for r in store.claiming(0)[0]] == [RESERVATION_ID]


# A refusal after a try that went unseen.

TAKEN = keys.quota(ORGANIZATION, "taken")
BESIDE = Put("other", HOLDERS, TAKEN, "attribute_not_exists(pk)")
EARLIER = replace(NEW, life=b"life-old")


def refused_unseen(store: ReservationStore, world: World, over: Tombstone | None) -> dict[str, Any]:
    """A create whose first try is not answered and whose second is refused; the first, which lands late."""
    in_flight: list[dict[str, Any]] = []

    def lose_sight(operation: str, parameters: dict[str, Any]) -> None:
        in_flight.append(deepcopy(parameters))
        world.db.put_item(TableName=HOLDERS, Item=TAKEN)
        timeout_before()(operation, parameters)

    def give_up() -> None:
        with store.creating(NEW, world.clock.now()) as tries:
            refused = store.create(NEW, world.clock.now(), BESIDE, over=over, tries=tries)
            assert isinstance(refused, Refused)
            raise RaceLost("the other one is taken")

    world.db.before("transact_write_items", lose_sight)
    with pytest.raises(RaceLost):
        give_up()
    world.db.delete_item(TableName=HOLDERS, Key=TAKEN)
    return in_flight[0]


@pytest.mark.parametrize("is_over", [False, True])
def test_a_create_that_was_refused_never_lands_though_it_is_under_way(
    store: ReservationStore, world: World, *, is_over: bool
) -> None:
    over = None
    if is_over:
        create(store, world, EARLIER)
        store.remove(EARLIER, world.clock.now(), finished=False)
        over = Tombstone(EARLIER.fingerprint, EARLIER.life, finished=False)

    late = refused_unseen(store, world, over)

    with pytest.raises(ClientError):
        world.db.transact_write_items(**late)
    found = store.find(ORGANIZATION, RESERVATION_ID)
    assert found == UNFINISHED
    assert create(store, world, replace(NEW, life=b"life-two"), over=UNFINISHED) is None


def test_what_was_refused_while_another_has_the_id_leaves_that_one_alone(
    store: ReservationStore, world: World
) -> None:
    create(store, world, EARLIER)
    late = refused_unseen(store, world, None)

    with pytest.raises(ClientError):
        world.db.transact_write_items(**late)
    assert store.find(ORGANIZATION, RESERVATION_ID) == EARLIER


def test_a_holder_that_exists_is_not_answered_with_a_refusal(store: ReservationStore, world: World) -> None:
    def give_up() -> None:
        with store.creating(NEW, world.clock.now()) as tries:
            tries.note(StorageUnavailable("lost", outcome_unknown=True))
            create(store, world)
            raise RaceLost("it had no answer")

    with pytest.raises(StorageUnavailable) as reported:
        give_up()
    assert reported.value.outcome_unknown
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_who_is_answered_with_another_holder_does_not_find_his_own_later(
    store: ReservationStore, world: World
) -> None:
    in_flight: list[dict[str, Any]] = []

    def lose_sight(operation: str, parameters: dict[str, Any]) -> None:
        in_flight.append(deepcopy(parameters))
        world.db.put_item(TableName=HOLDERS, Item=TAKEN)
        timeout_before()(operation, parameters)

    world.db.before("transact_write_items", lose_sight)
    with store.creating(NEW, world.clock.now()) as tries:
        assert isinstance(store.create(NEW, world.clock.now(), BESIDE, tries=tries), Refused)
    world.db.delete_item(TableName=HOLDERS, Key=TAKEN)

    with pytest.raises(ClientError):
        world.db.transact_write_items(**in_flight[0])
    assert store.find(ORGANIZATION, RESERVATION_ID) == UNFINISHED


def test_what_was_made_and_seen_is_left_alone(store: ReservationStore, world: World) -> None:
    world.db.after("put_item", timeout_after())
    with store.creating(NEW, world.clock.now()) as tries:
        assert create(store, world, tries=tries) is None
    assert tries.outcome_unknown
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW

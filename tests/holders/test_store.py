"""Records under lives and revisions: which writes are refused, and how a timeout is resolved."""

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
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import Reservation, Run, Status
from testkit.dynamodb import item_conflict, throttled, timeout_after, timeout_before
from testkit.placements import PLACEMENT_ID, placement
from testkit.reservations import RESERVATION_ID, reservation
from testkit.world import HOLDERS, ORGANIZATION, World

if TYPE_CHECKING:
    from gpu_capacity.reservations.store import ReservationStore

NEW = reservation(life=b"life-one", revision=1, runs=(Run(Placement("pod1", 2, 3), b"tag-01"),))
OTHER_PLACEMENT = "d31c7b63-5c2f-4a10-8e4d-6b2ef105c8b4"
KEY = keys.reservation(ORGANIZATION, RESERVATION_ID)
UNFINISHED = Tombstone(NEW.fingerprint, NEW.life, finished=False)


@pytest.fixture
def store(world: World) -> ReservationStore:
    return world.services.reservations


def create(store: ReservationStore, world: World, record: Reservation = NEW, **more: Any) -> Refused | None:
    return store.create(record, world.clock.now(), **more)


def test_a_record_is_read_as_it_was_written(store: ReservationStore, world: World) -> None:
    assert create(store, world) is None
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_creating_under_an_existing_id_returns_the_existing_record(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    refused = create(store, world, replace(NEW, life=b"life-two"))

    assert isinstance(refused, Refused)
    assert store.read(refused.items["record"] or {}) == NEW


@pytest.mark.parametrize("operation", ["after", "before"])
def test_after_a_timeout_the_record_with_the_same_life_counts_as_created(
    store: ReservationStore, world: World, operation: str
) -> None:
    lost = timeout_after() if operation == "after" else timeout_before()
    getattr(world.db, operation)("put_item", lost, times=2)

    assert create(store, world) is None
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_a_record_with_another_life_is_never_taken_for_the_one_just_created(
    store: ReservationStore, world: World
) -> None:
    """Two clients create with one key in one second: the life shows each that the record is not its own."""
    create(store, world, replace(NEW, life=b"life-two"))
    world.db.before("put_item", timeout_before())

    assert isinstance(create(store, world), Refused)


def test_every_change_raises_the_revision_and_requires_the_previous_one(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    begun = store.change(NEW, replace(NEW, status=Status.PROVISIONING))

    assert begun == replace(NEW, status=Status.PROVISIONING, revision=2)
    assert isinstance(store.change(NEW, replace(NEW, name="other")), Refused)
    assert store.get(ORGANIZATION, RESERVATION_ID) == begun


def test_a_delayed_change_of_an_earlier_life_is_refused(store: ReservationStore, world: World) -> None:
    create(store, world, replace(NEW, life=b"life-two"))

    assert isinstance(store.change(NEW, replace(NEW, name="late")), Refused)


def test_a_change_that_timed_out_is_applied_once(store: ReservationStore, world: World) -> None:
    create(store, world)
    world.db.after("put_item", timeout_after())

    assert store.change(NEW, replace(NEW, name="new")) == replace(NEW, name="new", revision=2)


def test_a_concurrent_change_with_the_same_revision_is_not_taken_for_ones_own(
    store: ReservationStore, world: World
) -> None:
    """The concurrent change wrote the revision that this change would have written."""
    create(store, world)
    world.db.before("put_item", timeout_before())
    world.db.before("put_item", lambda *_: store.change(NEW, replace(NEW, name="rival")) and None)

    assert isinstance(store.change(NEW, replace(NEW, name="mine")), Refused)
    found = store.get(ORGANIZATION, RESERVATION_ID)
    assert found is not None
    assert found.name == "rival"


def test_a_record_and_the_writes_that_accompany_it_change_together_or_not_at_all(
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


def test_a_status_change_that_is_not_in_the_table_cannot_be_written(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    with pytest.raises(ValueError, match="never from pending to provisioned"):
        store.change(NEW, replace(NEW, status=Status.PROVISIONED))


@pytest.mark.parametrize("keyed", [True, False])
def test_removing_a_record_leaves_a_tombstone_with_its_life(
    store: ReservationStore, world: World, *, keyed: bool
) -> None:
    """Without the tombstone a put that arrives late would create the record again."""
    record = replace(NEW, keyed=keyed)
    create(store, world, record)
    assert store.remove(record, world.clock.now()) is None

    assert store.find(ORGANIZATION, RESERVATION_ID) == Tombstone(NEW.fingerprint, NEW.life)
    assert store.get(ORGANIZATION, RESERVATION_ID) is None
    assert isinstance(create(store, world, record), Refused)


def test_a_tombstone_expires_after_a_day(store: ReservationStore, world: World) -> None:
    create(store, world)
    store.remove(NEW, world.clock.now())
    world.clock.advance(TOMBSTONE_SECONDS)

    assert create(store, world, replace(NEW, life=b"life-two")) is None


def test_a_removal_that_timed_out_counts_as_done(store: ReservationStore, world: World) -> None:
    create(store, world)
    world.db.after("put_item", timeout_after())

    assert store.remove(NEW, world.clock.now()) is None


def test_an_unfinished_tombstone_may_be_overwritten_only_by_a_writer_that_read_it(
    store: ReservationStore, world: World
) -> None:
    create(store, world)
    store.remove(NEW, world.clock.now(), finished=False)
    second = replace(NEW, life=b"life-two")

    assert store.find(ORGANIZATION, RESERVATION_ID) == UNFINISHED
    assert isinstance(create(store, world), Refused)
    assert isinstance(create(store, world, second, over=Tombstone("f", b"life-xyz", finished=False)), Refused)
    assert create(store, world, second, over=UNFINISHED) is None


def test_no_earlier_put_succeeds_over_the_tombstone_of_a_later_life(
    store: ReservationStore, world: World
) -> None:
    """A put that succeeded may arrive once more: it restores neither life."""
    second = replace(NEW, life=b"life-two")
    create(store, world)
    store.remove(NEW, world.clock.now(), finished=False)
    create(store, world, second, over=UNFINISHED)
    store.remove(second, world.clock.now(), finished=False)

    assert isinstance(create(store, world), Refused)
    assert isinstance(create(store, world, second, over=UNFINISHED), Refused)


@pytest.mark.parametrize("rival", ["pending", "failure", "counted", "attempt"])
def test_a_change_of_a_record_of_an_earlier_version_requires_it_unchanged_since_it_was_read(
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


def test_write_conflicts_are_retried_up_to_twelve_times(store: ReservationStore, world: World) -> None:
    world.db.before("put_item", item_conflict(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        create(store, world)
    assert not caught.value.outcome_unknown
    assert world.pause.attempts == list(range(12))


def test_a_write_that_was_throttled_every_time_is_reported_as_not_written(
    store: ReservationStore, world: World
) -> None:
    world.db.before("put_item", throttled(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        create(store, world)
    assert not caught.value.outcome_unknown


def test_a_timeout_followed_by_throttling_is_reported_as_outcome_unknown(
    store: ReservationStore, world: World
) -> None:
    world.db.before("put_item", timeout_before())
    world.db.before("put_item", throttled(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        create(store, world)
    assert caught.value.outcome_unknown


def test_a_record_in_status_claiming_is_not_visible_to_members(store: ReservationStore, world: World) -> None:
    create(store, world, replace(NEW, status=Status.CLAIMING))

    assert store.get(ORGANIZATION, RESERVATION_ID) is None
    assert store.get_in([ORGANIZATION], RESERVATION_ID) is None
    assert list(store.of_organization(ORGANIZATION)) == []
    assert [r.id for r in store.every(ORGANIZATION)] == [RESERVATION_ID]
    assert [r.id for r in store.claiming(0, NEW.created_at)[0]] == [RESERVATION_ID]


# A create that is refused after an earlier try timed out.

TAKEN = keys.quota(ORGANIZATION, "taken")
BESIDE = Put("other", HOLDERS, TAKEN, "attribute_not_exists(pk)")
EARLIER = replace(NEW, life=b"life-old")


def refused_unseen(store: ReservationStore, world: World, over: Tombstone | None) -> dict[str, Any]:
    """The first try of a create times out, its second is refused: return the first, still under way."""
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
def test_a_create_that_was_refused_cannot_succeed_later_through_its_delayed_first_try(
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


def test_a_refused_create_leaves_another_record_under_the_id_alone(
    store: ReservationStore, world: World
) -> None:
    create(store, world, EARLIER)
    late = refused_unseen(store, world, None)

    with pytest.raises(ClientError):
        world.db.transact_write_items(**late)
    assert store.find(ORGANIZATION, RESERVATION_ID) == EARLIER


def test_a_request_whose_holder_exists_is_never_answered_with_a_refusal(
    store: ReservationStore, world: World
) -> None:
    def give_up() -> None:
        with store.creating(NEW, world.clock.now()) as tries:
            tries.note(StorageUnavailable("lost", outcome_unknown=True))
            create(store, world)
            raise RaceLost("it had no answer")

    with pytest.raises(StorageUnavailable) as reported:
        give_up()
    assert reported.value.outcome_unknown
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_a_request_answered_with_another_holder_cannot_create_its_own_later(
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


def test_a_create_that_timed_out_and_was_then_confirmed_is_left_alone(
    store: ReservationStore, world: World
) -> None:
    world.db.after("put_item", timeout_after())
    with store.creating(NEW, world.clock.now()) as tries:
        assert create(store, world, tries=tries) is None
    assert tries.outcome_unknown
    assert store.get(ORGANIZATION, RESERVATION_ID) == NEW


def test_a_record_changes_beside_another_one_or_neither_does(store: ReservationStore, world: World) -> None:
    create(store, world)
    taken = NEW.with_placement(PLACEMENT_ID, ((2, 1),))
    beside = store.change_beside(NEW, taken, "reservation")
    placements = world.services.placements

    assert placements.create(placement(), world.clock.now(), beside) is None
    assert store.get(ORGANIZATION, RESERVATION_ID) == replace(taken, revision=2)

    late = placements.create(placement(id=OTHER_PLACEMENT), world.clock.now(), beside)
    assert isinstance(late, Refused)
    assert set(late.items) == {"reservation"}
    assert placements.get(ORGANIZATION, OTHER_PLACEMENT) is None


def test_no_record_is_written_beside_another_one_against_its_lifecycle(store: ReservationStore) -> None:
    with pytest.raises(ValueError, match="never from pending to provisioned"):
        store.change_beside(NEW, replace(NEW, status=Status.PROVISIONED), "reservation")

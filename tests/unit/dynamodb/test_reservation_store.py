"""How the store turns outcomes into words, and how long it tries."""

from __future__ import annotations

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.reservation_store import (
    Accepted,
    AlreadyThere,
    DomainsTaken,
    QuotaMoved,
)
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.quota import Quota
from gpu_capacity.holders.reservation import Status
from testkit.auditor import audit
from testkit.dynamodb import item_conflict, transaction_conflict
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, World, pod
from tests.unit.holders.reservations import RESERVATION_ID, reservation

QUOTA = Quota(ORGANIZATION, "GB300", limit=10, used=0)


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 8),))


def test_an_accepted_reservation_is_found_again(world: World) -> None:
    store = world.services.reservations

    assert store.accept(reservation(), 1, None) == Accepted()
    assert store.get(ORGANIZATION, RESERVATION_ID) == reservation()


def test_an_id_that_is_taken_brings_the_record(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)

    assert store.accept(reservation(name="other"), 1, None) == AlreadyThere(reservation())


def test_an_id_that_is_taken_outweighs_domains_that_are(world: World) -> None:
    """A retry after a lost answer meets its own domains as well: it must not look for others."""
    store = world.services.reservations
    store.accept(reservation(), 1, None)
    store.mark_deleted(reservation(), world.clock.now())
    store.remove(reservation(keyed=True, status=Status.DEPROVISIONING), world.clock.now())

    assert store.accept(reservation(), 1, None) == AlreadyThere(Tombstone("f" * 32))


def test_taken_domains_bring_the_pod_as_it_stood(world: World) -> None:
    world.services.reservations.accept(reservation(), 1, None)
    other = reservation(id="b" + RESERVATION_ID[1:])

    outcome = world.services.reservations.accept(other, 1, None)

    assert isinstance(outcome, DomainsTaken)
    assert outcome.claims is not None
    assert {"d2", "d3", "d4"} < set(outcome.claims)


def test_a_moved_quota_is_brought_along_and_a_removed_one_is_none(world: World) -> None:
    store = world.services.reservations
    world.set_quota(10, used=9)

    assert store.accept(reservation(), 1, QUOTA) == QuotaMoved(Quota(ORGANIZATION, "GB300", 10, 9))
    world.db.delete_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, "GB300"))
    assert store.accept(reservation(), 1, QUOTA) == QuotaMoved(None)


def test_a_conflict_is_sent_again_as_it_was(world: World) -> None:
    world.db.before("transact_write_items", transaction_conflict(2, 0), times=5)

    assert world.services.reservations.accept(reservation(), 1, None) == Accepted()
    assert world.pause.attempts == [0, 1, 2, 3, 4]


def test_conflicts_that_do_not_end_are_given_up(world: World) -> None:
    world.db.before("transact_write_items", transaction_conflict(2, 0), times=None)
    store = world.services.reservations

    with pytest.raises(StorageUnavailable) as caught:
        store.accept(reservation(), 1, None)
    assert not caught.value.outcome_unknown
    assert len(world.pause.attempts) == 12


def test_a_single_write_in_conflict_is_sent_again_too(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)
    world.db.before("update_item", item_conflict(), times=3)

    assert store.begin(reservation(), 9)


def test_moves_on_a_record_that_moved_on_say_so_and_change_nothing(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)
    store.mark_deleted(reservation(), 5)
    before = world.db.dump()

    assert not store.begin(reservation(), 9)
    assert not store.complete(reservation())
    assert not store.abandon(reservation(), "x")
    assert not store.fail(reservation())
    assert not store.mark_deleted(reservation(), 6)
    assert not store.next_attempt(reservation(), 7)
    assert world.db.dump() == before


def test_a_reservation_that_holds_nothing_cannot_fail(world: World) -> None:
    assert world.services.reservations.fail(reservation(placement=None)) is False


def test_record_and_inventory_that_disagree_are_never_glossed_over(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)
    store.mark_deleted(reservation(), 5)
    world.db.update_item(
        TableName=INVENTORY,
        Key=keys.claims(reservation().region_id, reservation().flavor_id, "pod1"),
        UpdateExpression="REMOVE d3",
    )

    with pytest.raises(StorageUnavailable, match="the record and the pod disagree"):
        store.remove(reservation(), 6)


def test_reservations_are_listed_in_id_order_without_those_that_are_gone(world: World) -> None:
    store = world.services.reservations
    for first, start in (("c", 0), ("a", 1), ("b", 2)):
        one = reservation(id=first + RESERVATION_ID[1:], count=1, keyed=True)
        assert one.placement is not None
        placed = type(one.placement)("pod1", start, 1)
        store.accept(reservation(id=one.id, count=1, keyed=True, placement=placed), 1, None)
    going = store.get(ORGANIZATION, "b" + RESERVATION_ID[1:])
    assert going is not None
    store.mark_deleted(going, world.clock.now())
    store.remove(going, world.clock.now())

    assert [r.id[0] for r in store.of_organization(ORGANIZATION)] == ["a", "c"]
    assert store.find(ORGANIZATION, going.id) == Tombstone("f" * 32)
    assert store.get(ORGANIZATION, going.id) is None
    assert audit(world.db) == []


def test_a_reservation_is_looked_for_in_all_of_the_given_organizations(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)

    assert store.get_in(["x", ORGANIZATION], RESERVATION_ID) == reservation()
    assert store.get_in(["x"], RESERVATION_ID) is None
    assert store.get_in([], RESERVATION_ID) is None


def test_the_index_lists_what_is_unsettled_since_then_or_before(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)

    assert list(store.unsettled(1_780_000_000)) == [(ORGANIZATION, RESERVATION_ID)]
    assert list(store.unsettled(1_779_999_999)) == []


def test_what_is_settled_leaves_the_index(world: World) -> None:
    store = world.services.reservations
    store.accept(reservation(), 1, None)
    store.begin(reservation(), 9)
    store.complete(reservation())

    assert list(store.unsettled(2_000_000_000)) == []

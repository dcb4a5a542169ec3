"""Each repair is one conditional write: it is refused if anything changed since it was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.upkeep.audit.reading import _tag_of_claim
from testkit.dynamodb import item_conflict, timeout_after
from testkit.items import without_stamps
from testkit.world import HOLDERS, INSTANCE_TYPE, INVENTORY, ORGANIZATION, REGION, caller
from tests.upkeep.audit import planted, planted_bookings
from tests.upkeep.audit.planted import PLANTED, Planted
from tests.upkeep.audit.planted_bookings import PLANTED_BOOKINGS
from tests.upkeep.audit.planted_servers import PLANTED_SERVERS
from tests.upkeep.audit.planted_vms import PLANTED_VMS
from tests.upkeep.audit.scene import CLAIM_ID, STRANGER, Scene, found, pod_key, results

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


RESTORED = [
    case
    for case in (*PLANTED, *PLANTED_BOOKINGS, *PLANTED_SERVERS, *PLANTED_VMS)
    if case.repaired
    and str(case)
    not in {
        "a_record_was_deleted_by_hand",
        "a_deleted_claim_is_not_in_the_index",
        "a_waiting_claim_has_no_entry",
        "the_record_of_a_waiting_vm_was_deleted",
        "a_server_of_a_holder_that_left_a_tombstone",
        "a_reservation_gives_back_and_is_not_in_the_index",
    }
]


@pytest.mark.parametrize("case", RESTORED, ids=str)
def test_a_repair_restores_exactly_what_was_there_before_the_corruption(case: Planted) -> None:
    scene = case.scene.ready()
    before = scene.db.dump()
    case.plant(scene)
    assert scene.db.dump() != before
    scene.audit(fix=True)
    after = scene.db.dump()
    for tables in (before, after):
        # Fences stay, and a deletion at the provider takes some time.
        tables["inventory"] = [without_stamps(item) for item in tables["inventory"]]
        tables["servers"] = [i for i in tables["servers"] if i["sk"]["S"] != "FENCE" and "gone_at" not in i]
    for item in (*before["holders"], *after["holders"]):
        # Only the time of a record in the index and the revision of a VM's record may differ.
        item.pop("unsettled_since", None)
        item.pop("revision", None)
    assert after == before


def test_a_claim_put_back_into_its_queue_invalidates_turns_in_progress(scene: Scene) -> None:
    planted.a_waiting_claim_has_no_entry(scene)
    before = scene.world.services.claims.head_of_queue(REGION, INSTANCE_TYPE)
    scene.audit(fix=True)
    after = scene.world.services.claims.head_of_queue(REGION, INSTANCE_TYPE)
    assert (before.holder, after.holder) == (None, (ORGANIZATION, scene.waiting))
    assert after.returns == before.returns + 1


def test_freed_capacity_is_sold_again(scene: Scene) -> None:
    scene.delete(HOLDERS, keys.reservation(ORGANIZATION, scene.pending))
    scene.audit(fix=True)
    assert len(scene.world.owners("pod2")) == 2


# Concurrent writes between the last read and the repair


def _release(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d1=None)


def _take_over(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d1=b"87654321")


def _use_quota(scene: Scene) -> None:
    wanted = Resources(INSTANCE_TYPE, 1, (REGION,), "CAPACITY_TYPE_CUSTOMER")
    create_capacity_claim(scene.world.environment(), caller(), wanted, name="late")


def _resize(scene: Scene) -> None:
    wanted = Resources(INSTANCE_TYPE, 51, (REGION,), "CAPACITY_TYPE_CUSTOMER")
    update_capacity_claim(scene.world.environment(), caller(), scene.waiting, wanted)


def _delete(scene: Scene) -> None:
    delete_reservation(scene.world.environment(), caller(), scene.provisioned, frozenset())


def _delete_pending(scene: Scene) -> None:
    delete_reservation(scene.world.environment(), caller(), scene.pending, frozenset())


def _change_hardware(scene: Scene) -> None:
    placement = scene.reservation().runs[0].placement
    scene.set(INVENTORY, keys.hosts(REGION, placement.pod_id), v=2)


def _take_name(scene: Scene) -> None:
    scene.put(HOLDERS, keys.claim_name(ORGANIZATION, "small"), claim="somebody")


def _come_back(scene: Scene) -> None:
    key = keys.capacity_claim(ORGANIZATION, "22222222-2222-4333-8444-555555555555")
    scene.put(HOLDERS, key, status="STATUS_CREATING")


def _take_domain(scene: Scene) -> None:
    key, domain = scene.first_domain()
    scene.set(INVENTORY, key, **{domain: STRANGER})


def _forget_count(scene: Scene) -> None:
    scene.set(HOLDERS, keys.capacity_claim(ORGANIZATION, CLAIM_ID), counted=None, revision=7)


def _give_name_to_another(scene: Scene) -> None:
    scene.set(HOLDERS, keys.claim_name(ORGANIZATION, "old"), claim=CLAIM_ID)


def _end_booking(scene: Scene) -> None:
    pending = scene.reservation(scene.pending)
    [run] = pending.runs
    booking = keys.booking_attribute(run.tag)
    scene.set(INVENTORY, pod_key(run.placement.pod_id), **{booking: None})


def _end_booking_without_a_holder(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), **{keys.booking_attribute(planted_bookings.TAG): None})


def a_domain_outlives_its_record(scene: Scene) -> None:
    """The record is a tombstone, as an idempotency key leaves it; nothing is counted for it."""
    key = keys.reservation(ORGANIZATION, scene.pending)
    scene.set(INVENTORY, pod_key("pod3"), d1=holder_tag(scene.pending))
    _end_booking(scene)
    scene.put(HOLDERS, key, status="gone", fingerprint="f", ttl_sweep_at=2_000_000_000)
    scene.set(HOLDERS, keys.quota(ORGANIZATION, "GB300"), used=2)


def test_what_a_tombstoned_holder_still_owns_is_freed(scene: Scene) -> None:
    a_domain_outlives_its_record(scene)
    assert results(scene.audit(fix=True)) == {"repaired"}
    assert scene.audit().is_clean


def _revive(scene: Scene) -> None:
    scene.set(HOLDERS, keys.reservation(ORGANIZATION, scene.pending), status="pending")


RIVALS: list[tuple[Callable[[Scene], None], Callable[[Scene], None]]] = [
    (planted.a_domain_is_owned_without_a_holder, _release),
    (planted.a_domain_is_owned_without_a_holder, _take_over),
    (planted_bookings.a_booking_has_no_holder, _end_booking_without_a_holder),
    (a_domain_outlives_its_record, _revive),
    (planted.a_listed_run_is_free, _delete),
    (planted.a_listed_run_is_free, _take_domain),
    (planted.all_hosts_of_a_listed_domain_are_free, _resize),
    (planted.a_hash_is_missing, _delete),
    (planted.a_hash_is_missing, _change_hardware),
    (planted.less_is_counted_than_there_is, _use_quota),
    (planted.less_is_counted_than_there_is, _resize),
    (planted.less_is_counted_than_there_is, _forget_count),
    (planted.a_name_is_left_of_a_claim, _give_name_to_another),
    (planted.a_claim_that_is_gone_stands_in_a_queue, _come_back),
    (planted.a_claim_stands_in_the_queue_of_another_zone, _resize),
    (planted.a_waiting_claim_has_no_entry, _resize),
    (planted.a_claim_has_no_name, _take_name),
    (planted.a_pending_reservation_is_not_in_the_index, _delete_pending),
]


@pytest.mark.parametrize(
    ("plant", "rival"), RIVALS, ids=[f"{plant.__name__}-{rival.__name__}" for plant, rival in RIVALS]
)
def test_a_repair_is_refused_if_anything_changed_since_the_last_read(
    scene: Scene, plant: Callable[[Scene], None], rival: Callable[[Scene], None]
) -> None:
    plant(scene)
    states: list[dict[str, Any]] = []

    def step_in(_operation: str, _parameters: dict[str, Any]) -> None:
        rival(scene)
        states.append(scene.db.dump())

    for operation in ("transact_write_items", "update_item"):
        scene.db.before(operation, step_in, times=1, only=lambda _: not states)
    report = scene.audit(fix=True)
    assert results(report) == {"refused"}
    assert not report.is_clean
    assert scene.db.dump() == states[0]


def test_an_earlier_repair_does_not_prevent_a_later_one(scene: Scene) -> None:
    """Two leaks in one attribute: the second repair reads again, and finds the attribute as it is now."""
    planted.a_host_is_owned_without_a_holder(scene)
    assert results(scene.audit(fix=True)) == {"repaired"}
    left = scene.db.get_item(TableName=INVENTORY, Key=pod_key("pod3"))["Item"]
    assert "d0" not in without_stamps(left)


def test_other_holders_of_a_domain_keep_what_they_have(scene: Scene) -> None:
    key, domain = scene.claimed_domain()
    before = scene.item(INVENTORY, key)[domain]
    scene.set(INVENTORY, pod_key("pod3"), d0={STRANGER.hex(): 1})
    scene.audit(fix=True)
    assert scene.item(INVENTORY, key)[domain] == before


def test_a_conflict_is_retried(scene: Scene) -> None:
    planted.a_domain_is_owned_without_a_holder(scene)
    scene.db.before("update_item", item_conflict(), times=2)
    assert results(scene.audit(fix=True)) == {"repaired"}


def test_a_repair_that_timed_out_is_reported_by_the_next_audit(scene: Scene) -> None:
    planted.a_domain_is_owned_without_a_holder(scene)
    scene.db.after("update_item", timeout_after(), times=1)
    with pytest.raises(StorageUnavailable):
        scene.audit(fix=True)
    assert scene.audit().is_clean


def test_a_domain_listed_by_two_holders_is_given_to_neither(scene: Scene) -> None:
    """Both list it and the pod shows it as free: a mark would decide which of them keeps it."""
    planted.two_records_list_a_domain(scene)
    key, booking = scene.booking()
    scene.set(INVENTORY, key, **{booking: None})
    report = scene.audit(fix=True)
    assert found(report).count("orphaned") == 2
    assert booking not in scene.item(INVENTORY, key)


def test_a_hash_that_a_changed_pod_cannot_confirm_is_a_note_and_no_finding(scene: Scene) -> None:
    planted.a_hash_is_of_other_hardware(scene)
    _change_hardware(scene)
    report = scene.audit(fix=True)
    assert report.is_clean
    assert [notice.kind.value for notice in report.notices] == ["wrong_hash"]


def test_the_tag_of_a_claim_that_is_gone_is_recognized(scene: Scene) -> None:
    assert _tag_of_claim(ORGANIZATION, CLAIM_ID) == scene.claim().tag

"""One unreadable record hides no other and stops no run; nor does one failed read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.read import get_capacity_claim, list_capacity_claims
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.errors import InsufficientCapacity, StorageUnavailable, UnreadableItem
from gpu_capacity.holders.ids import holder_id
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.reservations.read import (
    ReservationFilter,
    UnitFilter,
    get_reservation,
    list_reservation_units,
    list_reservations,
)
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.offers import free_offers
from gpu_capacity.vms.read import get_vm, list_vms
from gpu_capacity.vms.record import PageOfVms
from gpu_capacity.vms.schedule import end_vm_terms, restart_vms, watch_vm_nodes
from testkit.claims import claim, drop, figures, now, release
from testkit.claims import reserve as reserve_rack
from testkit.dynamodb import throttled
from testkit.reservations import NOWHERE, delete, reserve
from testkit.vms.scene import ACCOUNT, INTERRUPTIBLE, RESERVED, Scene
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, World, caller, pod

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key

EVERYTHING = ReservationFilter()


def spoil(
    world: World, key: Key, name: str = "status", value: Any = "suspended", table: str = HOLDERS
) -> None:
    """Edit an item by hand."""
    world.db.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": encode_value(value)},
    )


def unreadable(world: World) -> int:
    """The number of items counted as unreadable."""
    return world.telemetry.counts["RecordsUnreadable"]


# Reservations.


def test_a_list_has_the_other_records(world: World) -> None:
    ids = sorted(reserve(world).reservation.id for _ in range(3))
    spoil(world, keys.reservation(ORGANIZATION, ids[1]))

    shown = [o.reservation.id for o in list_reservations(world.services, caller(), EVERYTHING)]

    assert shown == [ids[0], ids[2]]
    assert unreadable(world) == 1


def test_the_log_has_the_key_of_an_unreadable_record_and_none_of_its_content(world: World) -> None:
    made = reserve(world, name="secret").reservation
    spoil(world, keys.reservation(ORGANIZATION, made.id))

    list_reservations(world.services, caller(), EVERYTHING)

    (details,) = (d for message, d in world.telemetry.lines if message == "record unreadable")
    assert details == {"pk": f"ORG#{ORGANIZATION}", "sk": f"RESERVATION#{made.id}"}


def test_reading_an_unreadable_record_by_id_is_reported(world: World) -> None:
    made = reserve(world).reservation
    spoil(world, keys.reservation(ORGANIZATION, made.id))

    with pytest.raises(UnreadableItem):
        get_reservation(world.services, caller(), made.id, NOWHERE)


def test_others_are_created_and_deleted_beside_an_unreadable_record(world: World) -> None:
    spoiled, other = reserve(world).reservation, reserve(world).reservation
    spoil(world, keys.reservation(ORGANIZATION, spoiled.id))

    reserve(world, 2)
    delete(world, other.id)

    shown = list_reservations(world.services, caller(), EVERYTHING)
    assert len(shown) == 2


def test_the_others_are_counted_when_a_limit_is_set(world: World) -> None:
    spoiled = reserve(world, 2).reservation
    reserve(world, 3)
    spoil(world, keys.reservation(ORGANIZATION, spoiled.id))
    book = QuotaSetter.of(world.services, "operator")

    change = book.set(ORGANIZATION, "GB300", 8)

    assert change.counted_in == 1
    assert world.quota_used() == 3


# Reconcile.


def _three_unstarted(world: World) -> list[str]:
    world.workflows.down = True
    ids = [reserve(world).reservation.id for _ in range(3)]
    world.workflows.down = False
    world.clock.advance(world.limits.reconcile_grace_seconds)
    return ids


def test_reconcile_starts_the_other_workflows(world: World) -> None:
    ids = _three_unstarted(world)
    spoil(world, keys.reservation(ORGANIZATION, ids[1]))

    report = reconcile(world.services)

    assert (report.unsettled, report.restarted, report.left_out) == (3, 2, 1)
    assert unreadable(world) == 1


def test_reconcile_leaves_a_record_whose_read_failed_to_its_next_run(world: World) -> None:
    _three_unstarted(world)
    world.db.before("get_item", throttled(), skip=1)

    first, second = reconcile(world.services), reconcile(world.services)

    assert (first.restarted, first.left_out) == (2, 1)
    assert (second.restarted, second.left_out) == (1, 0)
    assert world.telemetry.counts["RecordsSkipped"] == 1
    assert unreadable(world) == 0


def test_reconcile_continues_with_the_kinds_it_can_list_and_reports_the_others(world: World) -> None:
    ids = _three_unstarted(world)
    # The unsettled of each kind are listed from the index; reservations come first.
    world.db.before("query", throttled(), skip=16)

    with pytest.raises(StorageUnavailable):
        reconcile(world.services)

    assert len(world.workflows) == len(ids)


# Capacity claims and their queues.


def _two_waiting() -> tuple[World, Any, Any, str]:
    """A full zone, two claims that wait there, and the reservation whose end would free capacity."""
    world = World(pods=(pod("lon1", 2),))
    blocked = reserve_rack(world, 2)
    first, second = claim(world, 1), claim(world, 1)
    return world, first, second, blocked


def test_an_unreadable_claim_does_not_block_those_behind_it() -> None:
    world, first, second, blocked = _two_waiting()
    spoil(world, keys.capacity_claim(ORGANIZATION, first.id), value="STATUS_FAILED")
    release(world, blocked)

    fill_zones(world.services)

    assert figures(now(world, second)) == ("READY", 1, 0)
    assert unreadable(world) >= 1


def test_a_claim_that_is_readable_again_is_served_in_its_turn() -> None:
    world, first, second, blocked = _two_waiting()
    spoil(world, keys.capacity_claim(ORGANIZATION, first.id), value="STATUS_FAILED")
    fill_zones(world.services)
    spoil(world, keys.capacity_claim(ORGANIZATION, first.id), value="STATUS_CREATING")
    world.clock.advance(60)
    release(world, blocked)

    fill_zones(world.services)

    assert figures(now(world, first)) == ("READY", 1, 0)
    assert figures(now(world, second)) == ("READY", 1, 0)


def test_a_queue_entry_without_a_claim_id_is_skipped() -> None:
    world, first, second, blocked = _two_waiting()
    (entry, _) = (i for i in world.db.table(HOLDERS).items() if i["pk"]["S"].startswith("QUEUE#"))
    assert entry["claim"] == {"S": first.id}
    spoil(world, {"pk": entry["pk"], "sk": entry["sk"]}, "claim", 5)
    release(world, blocked)

    fill_zones(world.services)

    assert figures(now(world, second)) == ("READY", 1, 0)


def test_the_filler_serves_other_queues_and_reports_the_one_that_failed() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id="us-chi-1")))
    racks = [reserve_rack(world, 1, zone) for zone in ("uk-lon-1", "us-chi-1")]
    waiting = [claim(world, 1, zone) for zone in ("uk-lon-1", "us-chi-1")]
    for rack in racks:
        release(world, rack)
    world.db.before("get_item", throttled())

    with pytest.raises(StorageUnavailable):
        fill_zones(world.services)

    assert sorted(figures(now(world, made))[1] for made in waiting) == [0, 1]


def test_a_list_of_claims_has_the_others() -> None:
    world = World(pods=(pod("lon1", 2),))
    made, spoiled = claim(world, 1), claim(world, 1)
    spoil(world, keys.capacity_claim(ORGANIZATION, spoiled.id), value="STATUS_FAILED")

    assert [c.id for c in list_capacity_claims(world.services, caller(), None)] == [made.id]
    with pytest.raises(UnreadableItem):
        get_capacity_claim(world.services, caller(), spoiled.id)
    drop(world, made)


# VMs.


def test_a_list_of_vms_has_the_others_and_the_unreadable_one_is_reported() -> None:
    scene = Scene()
    spoiled, other = scene.running(), scene.running()
    spoil(scene.world, keys.vm(*spoiled.key), value="paused")

    assert [vm.id for vm in list_vms(scene.services, scene.caller, ACCOUNT, PageOfVms(50))] == [other.id]
    with pytest.raises(UnreadableItem):
        get_vm(scene.services, scene.caller, spoiled.id, ACCOUNT)


def test_an_unreadable_vm_does_not_prevent_the_restart_of_others() -> None:
    scene = Scene()
    spoiled = scene.running(4, INTERRUPTIBLE)
    waiting = scene.running(4, INTERRUPTIBLE)
    new_vm = scene.running(8)
    assert scene.status(waiting) == "interrupted"
    spoil(scene.world, keys.vm(*spoiled.key), value="paused")
    destroy_vm(scene.services, scene.caller, new_vm.id, ACCOUNT)
    scene.engine.settle()
    restart_vms(scene.services)

    assert scene.status(waiting) in ("starting", "running")


def test_an_unreadable_vm_does_not_prevent_the_end_of_other_terms() -> None:
    scene = Scene()
    spoiled, other = scene.running(1, RESERVED), scene.running(1, RESERVED)
    spoil(scene.world, keys.vm(*spoiled.key), value="paused")
    scene.world.clock.advance(40 * 86_400)

    assert end_vm_terms(scene.services) == 1
    assert scene.now(other).rental_type.value == "on_demand"


def test_an_unreadable_vm_does_not_stop_the_check_of_other_nodes() -> None:
    scene = Scene()
    spoiled, other = scene.running(), scene.running()
    spoil(scene.world, keys.vm(*spoiled.key), value="paused")
    scene.lose(0)

    assert watch_vm_nodes(scene.services) == 1
    assert scene.status(other) == "offline"


def test_an_unreadable_roster_entry_stops_no_schedule() -> None:
    scene = Scene()
    spoiled, other = scene.running(1, RESERVED), scene.running(1, RESERVED)
    spoil(scene.world, keys.on_roster(spoiled.node, spoiled.id), "term_ends_at", "long ago")
    scene.world.clock.advance(40 * 86_400)

    assert end_vm_terms(scene.services) == 1
    assert scene.now(other).rental_type.value == "on_demand"


# The inventory: an unreadable pod is not sold, and the others are.


PARTS = {
    "owners": (keys.owners(REGION, GB300.id, "pod1"), "v", "one"),
    "shape": (keys.shape(REGION, GB300.id, "pod1"), "domains", "none"),
    "hosts": (keys.hosts(REGION, "pod1"), "domains", "["),
}


@pytest.mark.parametrize("part", PARTS)
def test_the_other_pods_of_a_region_are_sold(part: str) -> None:
    world = World(pods=(pod("pod1", 4), pod("pod2", 4)))
    key, name, value = PARTS[part]
    spoil(world, key, name, value, INVENTORY)

    for _ in range(4):
        placement = reserve(world).reservation.runs[0].placement
        assert placement.pod_id == "pod2"
    with pytest.raises(InsufficientCapacity):
        reserve(world)

    assert unreadable(world) >= 1


@pytest.mark.parametrize("part", PARTS)
def test_a_pod_is_sold_again_when_it_is_readable_again(part: str) -> None:
    world = World(pods=(pod("pod1", 4),))
    key, name, value = PARTS[part]
    before = world.db.get_item(TableName=INVENTORY, Key=key)["Item"]
    spoil(world, key, name, value, INVENTORY)
    with pytest.raises(InsufficientCapacity):
        reserve(world)

    world.db.put_item(TableName=INVENTORY, Item=before)
    world.clock.advance(60)

    assert reserve(world).reservation.owned_units == 1


def test_a_reservation_on_a_pod_whose_hosts_are_unreadable_has_unknown_health(world: World) -> None:
    made = reserve(world).reservation
    spoil(world, keys.hosts(REGION, "pod1"), "domains", "[", INVENTORY)

    shown = get_reservation(world.environment(), caller(), made.id, NOWHERE)

    assert shown.reservation.id == made.id


def test_an_unreadable_region_hides_no_other(world: World) -> None:
    spoil(world, keys.region("nowhere"), "observed_at", "never", INVENTORY)

    assert len(list_reservation_units(world.services, caller(), UnitFilter())) == 1


def test_offers_of_other_nodes_are_shown() -> None:
    scene = Scene()
    spoil(scene.world, keys.hosts("no-osl-1", "pod-broken"), "domains", "[", INVENTORY)

    assert len(free_offers(scene.services)) == 2


def test_an_unknown_id_is_still_only_not_found(world: World) -> None:
    with pytest.raises(Exception, match="does not exist"):
        get_reservation(world.services, caller(), holder_id(b"0" * 16), NOWHERE)

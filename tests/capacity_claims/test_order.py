"""Order of service: no younger claim takes what an older one waits for, and no claim waits while capacity is
free.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.fill_queues import fill_zone, fill_zones
from gpu_capacity.capacity_claims.record import ClaimStatus, conditions_of
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.items import encode_region
from gpu_capacity.inventory.model import HostState, Pod
from testkit.claims import (
    CHICAGO,
    LONDON,
    TEXAS,
    calm,
    check,
    claim,
    drop,
    figures,
    now,
    release,
    reserve,
    resize,
    settle,
    stranger,
    wish,
)
from testkit.dynamodb import throttled
from testkit.reservations import fail
from testkit.world import GB300, INSTANCE_TYPE, INVENTORY, World, caller, pod, rack

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.record import CapacityClaim


def full(*zones: str) -> tuple[World, list[str]]:
    """A world whose zones have one rack of two hosts each, all of them reserved."""
    zones = zones or (LONDON,)
    world = World(pods=(*(pod(f"{z}-1", 1, region_id=z) for z in zones),))
    return world, [reserve(world, 1, z) for z in zones]


def pending(world: World, *claims: CapacityClaim) -> list[int]:
    return [now(world, made).pending for made in claims]


def test_a_younger_claim_waits_while_an_older_one_waits_in_the_zone() -> None:
    world, [blocking] = full()
    older, younger = claim(world, 2), claim(world, 1)
    release(world, blocking)
    # Whichever is tried first, even the younger one itself.
    settle(world, younger)
    assert pending(world, older, younger) == [2, 1]
    assert now(world, younger).conditions[0].reason == "WaitingForOlderClaims"
    calm(world)
    assert pending(world, older, younger) == [0, 1]
    check(world)


def test_claims_are_served_by_age_across_organizations() -> None:
    world, [blocking] = full()
    first, second, third = claim(world, 1), claim(world, 1, who=stranger()), claim(world, 1)
    release(world, blocking)
    calm(world)
    assert pending(world, first, second, third) == [0, 0, 1]
    check(world)


def test_of_two_claims_of_one_second_the_one_created_first_is_the_older() -> None:
    for ids in (("0", "f"), ("f", "0")):
        world, [blocking] = full()
        claims = []
        for digit in ids:
            world.clock.advance_ms(1)
            claims.append(
                create_capacity_claim(
                    world.services, caller(), wish(2), claim_id=f"{digit * 8}-0000-4000-8000-000000000000"
                )
            )
        assert claims[0].created_at == claims[1].created_at
        release(world, blocking)
        calm(world)
        assert pending(world, *claims) == [0, 2]
        check(world)


def test_the_first_claim_that_cannot_be_served_in_full_gets_all_that_is_free() -> None:
    world, [blocking] = full()
    older, younger = claim(world, 5), claim(world, 1)
    release(world, blocking)
    calm(world)
    assert pending(world, older, younger) == [3, 1]


def test_a_claim_created_while_capacity_becomes_free_does_not_overtake() -> None:
    world, [blocking] = full()
    older = claim(world, 2)
    release(world, blocking)
    # The event is sent, and the filler has not run.
    younger = claim(world, 1)
    assert figures(younger) == ("CREATING", 0, 1)
    calm(world)
    assert pending(world, older, younger) == [0, 1]


def test_an_older_claim_that_grows_is_served_before_younger_ones_already_waiting() -> None:
    world, [blocking] = full()
    release(world, blocking)
    older = claim(world, 2)
    younger = claim(world, 2)
    assert figures(resize(world, older, 3)) == ("UPDATING", 2, 1)
    world.load((pod(f"{LONDON}-1", 2, version=2),))
    fill_zones(world.services, [LONDON])
    assert pending(world, older, younger) == [0, 1]


def test_claims_waiting_in_a_zone_that_left_the_fleet_are_reported_and_served_elsewhere() -> None:
    world, [_, elsewhere] = full(LONDON, CHICAGO)
    older, younger = claim(world, 2, LONDON, CHICAGO), claim(world, 1, LONDON)
    region = world.services.inventory.fresh_region(LONDON)
    assert region is not None
    world.db.put_item(TableName=INVENTORY, Item=encode_region(replace(region, withdrawn=True)))

    fill_zones(world.services, [LONDON])

    for waiting in (older, younger):
        (shown,) = [c for c in now(world, waiting).conditions if c.zone == LONDON]
        assert shown.reason == "ZoneNotOffered"
    release(world, elsewhere)
    calm(world)
    assert pending(world, older, younger) == [0, 1]


def test_each_zone_has_its_own_order() -> None:
    world, [in_london, in_chicago] = full(LONDON, CHICAGO)
    both, only_chicago = claim(world, 3, LONDON, CHICAGO), claim(world, 2, CHICAGO)
    release(world, in_chicago)
    calm(world)
    assert pending(world, both, only_chicago) == [1, 2]
    release(world, in_london)
    calm(world)
    assert pending(world, both, only_chicago) == [0, 2]
    check(world)


def test_an_older_claim_blocks_a_younger_one_only_where_both_wait() -> None:
    world, [_, in_chicago] = full(LONDON, CHICAGO)
    only_london, both = claim(world, 1, LONDON), claim(world, 2, LONDON, CHICAGO)
    release(world, in_chicago)
    calm(world)
    assert pending(world, only_london, both) == [1, 0]


def test_claims_for_another_instance_type_have_another_queue() -> None:
    world, [blocking] = full()
    older = claim(world, 1)
    assert world.services.claims.head_of_queue(LONDON, "h200-8x").holder is None
    assert world.services.claims.head_of_queue(LONDON, INSTANCE_TYPE).holder == (
        older.organization_id,
        older.id,
    )
    release(world, blocking)


def test_a_reservation_may_take_a_whole_free_rack_at_any_time() -> None:
    world, [blocking] = full()
    waiting = claim(world, 2)
    release(world, blocking)
    again = reserve(world)
    calm(world)
    assert pending(world, waiting) == [2]
    release(world, again)
    calm(world)
    assert pending(world, waiting) == [0]


def test_the_end_of_a_failed_reservation_serves_waiting_claims() -> None:
    world, [blocking] = full()
    waiting = claim(world, 1)
    assert fail(world, blocking)["outcome"] == "done"
    calm(world)
    assert pending(world, waiting) == [0]


def test_the_end_of_another_claim_serves_waiting_claims() -> None:
    world = World(pods=(pod("lon1", 1),))
    holding = claim(world, 2)
    waiting = claim(world, 1)
    drop(world, holding)
    calm(world)
    assert pending(world, waiting) == [0]


def test_a_shrink_serves_waiting_claims() -> None:
    world = World(pods=(pod("lon1", 1),))
    holding = claim(world, 2)
    waiting = claim(world, 1)
    resize(world, holding, 1)
    calm(world)
    assert pending(world, waiting, holding) == [0, 0]


def test_new_hardware_serves_waiting_claims() -> None:
    broken = rack("lon1", 0, states={0: HostState.UNHEALTHY, 1: HostState.UNHEALTHY})
    world = World(pods=(Pod(LONDON, "lon1", GB300.id, 1, (broken,)),))
    waiting = claim(world, 3)
    world.load((pod("lon1", 2, version=2),))
    fill_zones(world.services, [LONDON])
    assert pending(world, waiting) == [0]
    assert figures(now(world, waiting)) == ("READY", 3, 0)


def test_a_claim_that_waited_only_behind_another_is_served_when_that_one_is_complete() -> None:
    world = World(pods=(pod("lon1", 2),))
    younger: list[CapacityClaim] = []
    # Between the creation of the older claim's record and its first round.
    world.db.after("transact_write_items", lambda *_: younger.append(claim(world, 1)))
    older = claim(world, 2)
    assert figures(older) == ("READY", 2, 0)
    assert pending(world, *younger) == [1]
    assert world.events.zones == [LONDON]
    calm(world)
    assert pending(world, *younger) == [0]


def test_a_claim_that_waited_only_behind_a_deleted_claim_is_served() -> None:
    world = World(pods=(pod("lon1", 2),))
    younger: list[CapacityClaim] = []

    def die(*_: object) -> None:
        younger.append(claim(world, 1))
        raise KeyboardInterrupt

    world.db.after("transact_write_items", die)
    with pytest.raises(KeyboardInterrupt):
        claim(world, 2, claim_id="0b9a3a58-4a1c-4f7e-9d5e-2f8f4a7c6d10")
    older = next(c for c in world.services.claims.of_organization(younger[0].organization_id) if c.supplied)
    assert pending(world, older, *younger) == [2, 1]
    drop(world, older)
    calm(world)
    assert pending(world, *younger) == [0]
    check(world)


def test_a_claim_behind_one_that_leaves_the_zone_is_served() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO)))
    blocking = reserve(world)
    older, younger = claim(world, 2, LONDON), claim(world, 2, LONDON)
    release(world, blocking)
    world.events.zones.clear()
    resize(world, older, 2, CHICAGO)
    calm(world)
    assert pending(world, older, younger) == [0, 0]


def test_a_process_serving_a_queue_continues_without_further_events() -> None:
    world, [blocking] = full()
    claims = [claim(world, 1), claim(world, 1)]
    release(world, blocking)
    world.events.zones.clear()
    assert fill_zone(world.services, LONDON, INSTANCE_TYPE) == 2
    assert pending(world, *claims) == [0, 0]
    assert world.events.zones == []


def test_the_schedule_serves_every_zone_and_an_event_only_its_own() -> None:
    world, blocking = full(LONDON, CHICAGO)
    london, chicago = claim(world, 1, LONDON), claim(world, 1, CHICAGO)
    for reservation in blocking:
        release(world, reservation)
    fill_zones(world.services, [CHICAGO])
    assert pending(world, london, chicago) == [1, 0]
    fill_zones(world.services)
    assert pending(world, london, chicago) == [0, 0]
    assert fill_zones(world.services) == 0


def test_a_zone_that_cannot_be_served_is_reported_and_does_not_delay_the_others() -> None:
    world, blocking = full(LONDON, CHICAGO, TEXAS)
    claims = [claim(world, 1, z) for z in (LONDON, CHICAGO, TEXAS)]
    for reservation in blocking:
        release(world, reservation)
    partition = keys.queue_partition(CHICAGO, INSTANCE_TYPE)
    world.db.before(
        "query",
        throttled(),
        only=lambda asked: asked["ExpressionAttributeValues"][":pk"]["S"] == partition,
    )
    with pytest.raises(StorageUnavailable):
        fill_zones(world.services)
    assert pending(world, *claims) == [0, 1, 0]


def test_a_queue_entry_of_a_claim_that_is_gone_is_removed_and_the_next_is_served() -> None:
    world, [blocking] = full()
    lost, waiting = claim(world, 1), claim(world, 1)
    release(world, blocking)
    key = keys.capacity_claim(lost.organization_id, lost.id)
    world.db.delete_item(TableName="holders", Key=key)
    fill_zones(world.services)
    assert pending(world, waiting) == [0]


def test_an_older_claim_that_returns_while_a_younger_one_is_being_served_is_served_first() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO)))
    blocking = reserve(world)
    older = claim(world, 2, CHICAGO)
    younger = claim(world, 2, LONDON)
    release(world, blocking)
    # The younger claim has read itself as the first. Before it takes anything, the older one asks for London,
    # too,
    # and its handler dies before its own round.
    filling = world.db.before(
        "transact_write_items",
        lambda *_: record_only(world, older, 4, LONDON, CHICAGO),
        only=lambda asked: "Update" in asked["TransactItems"][0],
    )
    settle_capacity_claim(world.services, younger.organization_id, younger.id)
    assert filling.fired == 1
    assert pending(world, older, younger) == [2, 2]
    fill_zones(world.services)
    assert pending(world, older, younger) == [0, 2]
    check(world)


def record_only(world: World, made: CapacityClaim, count: int, *zones: str) -> None:
    """Write what the handler of a PATCH writes, without the round that follows."""
    before = now(world, made)
    after = replace(before, instance_count=count, zones=zones, status=ClaimStatus.UPDATING)
    after = replace(after, conditions=conditions_of(after, {}, world.clock.now()))
    assert not isinstance(world.services.claims.update(before, after), Refused)

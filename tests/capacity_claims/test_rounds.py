"""What a claim gets and gives back in its rounds, each of them one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.read import get_capacity_claim
from gpu_capacity.capacity_claims.record import ClaimStatus
from gpu_capacity.capacity_claims.rounds import DOMAINS_PER_POD_ROUND_MAX, PODS_PER_ROUND_MAX
from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim
from gpu_capacity.dynamodb.writes import ACTIONS_MAX
from gpu_capacity.errors import FailedPrecondition, NotFound
from gpu_capacity.inventory.model import HostState, Pod, Region
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import instances_held
from testkit.claims import (
    CHICAGO,
    ID,
    LONDON,
    TEXAS,
    calm,
    check,
    claim,
    drop,
    figures,
    gone,
    now,
    release,
    reserve,
    resize,
    settle,
)
from testkit.dynamodb import Died, dies
from testkit.world import (
    GB300,
    INSTANCE_TYPE,
    ORGANIZATION,
    World,
    caller,
    offering,
    pod,
    rack,
)
from tests.capacity_claims.golden_requests import conditions, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.capacity_claims.record import CapacityClaim


def held_in(made: CapacityClaim) -> dict[str, int]:
    return {zone_id: made.in_zone(zone_id) for zone_id in sorted({a.zone for a in made.allocations})}


def domains(made: CapacityClaim) -> list[tuple[str, int, int]]:
    return [(a.pod_id, a.position, a.hosts) for a in made.allocations]


def thin(pods: int, zone_id: str = LONDON) -> list[Pod]:
    """Pods with one single host each."""
    return [pod(f"{zone_id}-{n:03}", 1, hosts=1, region_id=zone_id) for n in range(pods)]


def test_ten_over_two_zones_with_six_and_two_free_get_eight_and_wait_for_two() -> None:
    world = World(pods=(pod("lon1", 3), pod("chi1", 2, region_id=CHICAGO)))
    blocking = reserve(world, 1, CHICAGO)
    made = claim(world, 10, LONDON, CHICAGO)
    assert figures(made) == ("CREATING", 8, 2)
    assert held_in(made) == {LONDON: 6, CHICAGO: 2}
    assert [(c.type, c.zone, c.status, c.reason) for c in made.conditions] == [
        ("Allocated", LONDON, "True", "InsufficientCapacity"),
        ("Allocated", CHICAGO, "True", "InsufficientCapacity"),
        ("Progressing", "", "True", "InstancesPending"),
    ]
    release(world, blocking)
    calm(world)
    assert figures(now(world, made)) == ("READY", 10, 0)
    check(world)


def test_zones_are_filled_in_order_of_preference() -> None:
    world = World(pods=(*(pod(f"{z}-1", 1, region_id=z) for z in (LONDON, CHICAGO, TEXAS)),))
    made = claim(world, 5, TEXAS, LONDON, CHICAGO)
    assert held_in(made) == {TEXAS: 2, LONDON: 2, CHICAGO: 1}
    assert figures(made) == ("READY", 5, 0)


def test_a_zone_that_provides_enough_leaves_the_next_one_unchanged() -> None:
    world = World(pods=(pod("lon1", 3), pod("chi1", 3, region_id=CHICAGO)))
    made = claim(world, 4, CHICAGO, LONDON)
    assert held_in(made) == {CHICAGO: 4}
    assert [c.reason for c in made.conditions] == ["Allocated", "NotNeeded", "AllInstancesAllocated"]


def test_only_hosts_in_service_of_domains_that_are_not_cordoned_are_given() -> None:
    domains_there = (
        rack("lon1", 0, states={1: HostState.UNHEALTHY}),
        rack("lon1", 1, cordoned=True),
        rack("lon1", 2, states={0: HostState.OUT_OF_SERVICE, 1: HostState.MISSING}),
    )
    world = World(pods=(Pod(LONDON, "lon1", GB300.id, 1, domains_there),))
    made = claim(world, 5)
    assert figures(made) == ("CREATING", 1, 4)
    assert domains(made) == [("lon1", 0, 0b01)]


def test_of_two_flavors_of_one_instance_type_a_partly_owned_domain_comes_first() -> None:
    other = replace(GB300, id="gb300-nvl72-metal")
    metal = replace(pod("z-metal", 1), flavor_id=other.id)
    offered = (offering(LONDON), replace(offering(LONDON), flavor=other, accelerator="GB300-METAL"))
    types = ((INSTANCE_TYPE, GB300.id), (INSTANCE_TYPE, other.id))
    london = Region(LONDON, frozenset(), offered, 1_779_999_000, types)
    world = World(pods=(pod("a-pinned", 2), metal), regions=(london,))
    # The first claim opens the fuller pod; so the second finds a partly owned domain under the other flavor.
    assert domains(claim(world, 1)) == [("z-metal", 0, 0b01)]
    second = claim(world, 2)
    assert {(a.flavor_id, a.pod_id, a.hosts) for a in second.allocations} == {
        (other.id, "z-metal", 0b10),
        (GB300.id, "a-pinned", 0b01),
    }
    check(world)


def test_many_pods_are_filled_in_several_rounds_each_visible_as_a_whole() -> None:
    world = World(pods=(*thin(2 * PODS_PER_ROUND_MAX + 5),))
    made = claim(world, 2 * PODS_PER_ROUND_MAX + 5)
    seen = [figures(made)]
    while settle_capacity_claim(world.services, ORGANIZATION, made.id) is Step.AGAIN:
        check(world)
        seen.append(figures(now(world, made)))
    seen.append(figures(now(world, made)))
    assert seen == [
        ("CREATING", PODS_PER_ROUND_MAX, PODS_PER_ROUND_MAX + 5),
        ("CREATING", 2 * PODS_PER_ROUND_MAX, 5),
        ("READY", 2 * PODS_PER_ROUND_MAX + 5, 0),
    ]
    # The handler did one round and left the others to a workflow.
    assert len(world.workflows) == 1
    check(world)


def test_when_a_round_ends_exactly_with_a_zone_the_next_round_continues_with_the_next_zone() -> None:
    world = World(pods=(*thin(PODS_PER_ROUND_MAX), *thin(3, CHICAGO)))
    made = claim(world, PODS_PER_ROUND_MAX + 3, LONDON, CHICAGO)
    assert figures(made) == ("CREATING", PODS_PER_ROUND_MAX, 3)
    calm(world)
    assert figures(now(world, made)) == ("READY", PODS_PER_ROUND_MAX + 3, 0)


def test_many_domains_of_one_pod_are_taken_and_given_back_within_the_limits_of_an_expression() -> None:
    racks = tuple(rack("lon1", 900 - n, hosts=1) for n in range(2 * DOMAINS_PER_POD_ROUND_MAX + 1))
    world = World(pods=(Pod(LONDON, "lon1", GB300.id, 1, racks),))
    made = claim(world, len(racks))
    assert figures(made) == ("CREATING", DOMAINS_PER_POD_ROUND_MAX, DOMAINS_PER_POD_ROUND_MAX + 1)
    calm(world)
    assert figures(now(world, made)) == ("READY", len(racks), 0)
    drop(world, made)
    sizes = recorded(world.db, lambda: settle(world, made))
    assert len(sizes) == 4
    assert gone(world, made)
    check(world)


def test_the_largest_round_fits_exactly_into_one_transaction() -> None:
    zones = [f"zone-{n:02}" for n in range(20)]
    per_zone = [3] * 19 + [PODS_PER_ROUND_MAX - 3 * 19]
    world = World(pods=(*(p for z, n in zip(zones, per_zone, strict=True) for p in thin(n, z)),))
    blocking = [reserve(world, 1, z) for z, n in zip(zones, per_zone, strict=True) for _ in range(n)]
    # It returns to every queue, so every queue is checked; and it leaves every queue.
    made = claim(world, 1, *zones)
    made = resize(world, made, 1, zones[0])
    made = resize(world, made, PODS_PER_ROUND_MAX, *zones)
    for reservation in blocking:
        release(world, reservation)
    world.events.zones.clear()
    requests = recorded(world.db, lambda: settle(world, made))
    [(operation, parameters)] = requests
    assert operation == "transact_write_items"
    assert len(parameters["TransactItems"]) == ACTIONS_MAX
    assert figures(now(world, made)) == ("READY", PODS_PER_ROUND_MAX, 0)
    check(world)


def test_a_round_requires_every_domain_as_it_was_read_and_the_pods_version() -> None:
    world = World(pods=(pod("lon1", 2),))
    [(_, used, _)] = domains(claim(world, 1))
    demands = {used: f"d{used} = :o{used}", 1 - used: f"attribute_not_exists(d{1 - used})"}
    requests = recorded(world.db, lambda: claim(world, 3))
    assert f"v = :version AND {demands[0]} AND {demands[1]}" in conditions(requests[-1])


def test_hardware_that_changed_since_it_was_read_is_read_again() -> None:
    world = World(pods=(pod("lon1", 1),))
    lost = Pod(LONDON, "lon1", GB300.id, 2, (rack("lon1", 0, states={0: HostState.UNHEALTHY}),))
    # The first transaction records the claim, the second one fills it.
    world.db.before("transact_write_items", lambda *_: world.load((lost,)), skip=1)
    made = claim(world, 2)
    assert figures(made) == ("CREATING", 1, 1)
    assert domains(made) == [("lon1", 0, 0b10)]
    assert world.telemetry.counts["ClaimRacesLost"] == 1


def test_growing_adds_pending_instances_and_fills_them_at_once_where_possible() -> None:
    world = World(pods=(pod("lon1", 2),))
    made = claim(world, 2)
    assert figures(resize(world, made, 3)) == ("READY", 3, 0)
    grown = resize(world, made, 6)
    assert figures(grown) == ("UPDATING", 4, 2)
    check(world)


def test_shrinking_gives_up_pending_instances_first() -> None:
    world = World(pods=(pod("lon1", 2),))
    made = claim(world, 9)
    world.events.zones.clear()
    assert figures(resize(world, made, 5)) == ("CREATING", 4, 1)
    assert figures(resize(world, made, 4)) == ("READY", 4, 0)
    assert world.events.zones == []


def test_shrinking_further_gives_back_hosts_of_the_least_preferred_zone_and_says_so() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 2, region_id=CHICAGO)))
    made = claim(world, 6, LONDON, CHICAGO)
    world.events.zones.clear()
    shrunk = resize(world, made, 3)
    assert figures(shrunk) == ("READY", 3, 0)
    assert held_in(shrunk) == {LONDON: 2, CHICAGO: 1}
    assert world.events.zones == [CHICAGO]
    check(world)


def test_a_claim_that_leaves_a_zone_gives_back_its_hosts_there_and_is_filled_elsewhere() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 2, region_id=CHICAGO)))
    made = claim(world, 2, LONDON)
    moved = resize(world, made, 2, CHICAGO)
    assert moved.status is ClaimStatus.UPDATING
    calm(world)
    assert held_in(now(world, made)) == {CHICAGO: 2}
    assert figures(now(world, made)) == ("READY", 2, 0)
    check(world)


def test_another_order_of_zones_moves_no_host() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO)))
    made = claim(world, 1, LONDON, CHICAGO)
    moved = resize(world, made, 1, CHICAGO, LONDON)
    assert figures(moved) == ("READY", 1, 0)
    assert held_in(moved) == {LONDON: 1}
    check(world)


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    world = World(pods=(pod("lon1", 1),))
    made = claim(world, 2)
    before = world.db.dump()
    assert resize(world, made, 2) == made
    assert world.db.dump() == before


def test_a_shrink_that_is_reverted_before_its_round_leaves_nothing_unsettled() -> None:
    world = World(pods=(pod("lon1", 2),))
    made = claim(world, 4)

    # The record is written by the first transaction or put; its round never comes.
    world.db.after("put_item", dies)
    with pytest.raises(Died):
        resize(world, made, 2)
    assert now(world, made).surplus == 2
    assert figures(resize(world, made, 4)) == ("READY", 4, 0)
    check(world)
    world.clock.advance(3600)
    assert reconcile(world.services).unsettled == 0


def test_a_deleted_claim_gives_everything_back_and_is_removed() -> None:
    world = World(pods=(pod("lon1", 2),))
    made = claim(world, 3)
    dropped = drop(world, made)
    assert dropped.status is ClaimStatus.DELETING
    assert (dropped.allocated, dropped.pending) == (3, 0)
    assert drop(world, made).status is ClaimStatus.DELETING
    assert len(world.workflows) == 1
    calm(world)
    assert gone(world, made)
    assert instances_held(world.db) == 0
    check(world)


def test_a_claim_being_deleted_is_never_filled_and_never_changed() -> None:
    world = World(pods=(pod("lon1", 2),))
    made = claim(world, 9)
    drop(world, made)
    assert fill_zones(world.services) == 0
    with pytest.raises(FailedPrecondition):
        resize(world, made, 2)
    assert now(world, made).allocated == 4
    check(world)


def test_a_claim_that_is_gone_is_not_found() -> None:
    world = World(pods=(pod("lon1", 2),))
    made = claim(world, 1)
    drop(world, made)
    calm(world)
    who = caller()
    calls: list[Callable[[], object]] = [
        lambda: get_capacity_claim(world.services, who, made.id),
        lambda: drop(world, made),
        lambda: resize(world, made, 2),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()


def test_settling_a_claim_that_is_settled_gone_or_waiting_writes_nothing() -> None:
    world = World(pods=(pod("lon1", 1),))
    ready, waiting = claim(world, 2), claim(world, 1)
    before = world.db.dump()
    assert settle(world, ready) is Step.SETTLED
    assert settle(world, waiting) is Step.WAITING
    assert settle_capacity_claim(world.services, ORGANIZATION, ID) is Step.GONE
    assert world.db.dump() == before


def test_every_write_of_a_claim_has_a_later_update_time_than_the_one_before() -> None:
    world = World(pods=(*thin(PODS_PER_ROUND_MAX + 1),))
    times = [claim(world, PODS_PER_ROUND_MAX + 1)]
    settle(world, times[0])
    times.append(now(world, times[0]))
    assert times[0].created_at * 1_000_000 <= times[0].updated_us < times[1].updated_us

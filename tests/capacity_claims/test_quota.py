"""The quota on instances: refusals for customers, and the count through the life of a claim."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim
from gpu_capacity.errors import QuotaExceeded, StorageUnavailable
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.operations.set_quota import QuotaSetter
from testkit.auditor.claims import claim_records
from testkit.claims import (
    ID,
    calm,
    check,
    claim,
    drop,
    figures,
    now,
    release,
    reserve,
    resize,
)
from testkit.dynamodb import throttled, timeout_after, timeout_before
from testkit.world import ORGANIZATION, World, pod

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.record import CapacityClaim


def book(world: World) -> QuotaSetter:
    services = world.environment()
    return QuotaSetter.of(services, "operator:root")


def used(world: World) -> int:
    quota = world.services.quotas.read(ORGANIZATION, INSTANCES)
    assert quota is not None
    return quota.used


def test_a_claim_beyond_the_limit_is_refused_and_leaves_nothing(world: World) -> None:
    world.set_quota(3, "instances")
    with pytest.raises(QuotaExceeded) as refused:
        claim(world, 4, name="big")
    assert (refused.value.requested, refused.value.limit, refused.value.used) == (4, 3, 0)
    assert claim_records(world.db) == []
    assert figures(claim(world, 3, name="big")) == ("READY", 3, 0)
    check(world)


def test_requested_instances_count_and_not_allocated_ones() -> None:
    world = World(pods=(pod("lon1", 1),))
    world.set_quota(10, "instances")
    claim(world, 9)
    assert used(world) == 9
    with pytest.raises(QuotaExceeded):
        claim(world, 2)


def test_growing_adds_to_the_count_shrinking_subtracts_and_the_end_subtracts_all(world: World) -> None:
    world.set_quota(5, "instances")
    made = claim(world, 2)
    assert [(resize(world, made, n), used(world))[1] for n in (5, 3, 4)] == [5, 3, 4]
    check(world)
    drop(world, made)
    assert used(world) == 4
    calm(world)
    assert used(world) == 0
    check(world)


def test_growing_beyond_the_limit_is_refused_and_changes_nothing(world: World) -> None:
    world.set_quota(5, "instances")
    made = claim(world, 2)
    claim(world, 2)
    before = world.db.dump()
    with pytest.raises(QuotaExceeded) as refused:
        resize(world, made, 4)
    assert refused.value.requested == 2
    assert world.db.dump() == before


def test_a_limit_set_later_counts_existing_claims_even_beyond_it(world: World) -> None:
    made = claim(world, 4)
    waiting = claim(world, 9)
    change = book(world).set(ORGANIZATION, "instances", 5)
    assert change.counted_in == 2
    assert used(world) == 13
    check(world)
    with pytest.raises(QuotaExceeded):
        claim(world, 1)
    resize(world, waiting, 1)
    assert used(world) == 5
    drop(world, made)
    calm(world)
    assert used(world) == 1
    check(world)


def test_a_claim_that_changes_while_a_new_limit_counts_it_is_counted_with_its_new_number(
    world: World,
) -> None:
    made = claim(world, 4)
    world.db.before("transact_write_items", lambda *_: resize(world, made, 1))
    book(world).set(ORGANIZATION, "instances", 9)
    assert used(world) == 1
    check(world)


def test_a_claim_that_is_filled_while_a_new_limit_counts_it_is_still_counted() -> None:
    world = World(pods=(pod("lon1", 1),))
    blocking = reserve(world)
    claim(world, 2)
    release(world, blocking)
    filling = world.db.before("transact_write_items", lambda *_: fill_zones(world.services))
    assert book(world).set(ORGANIZATION, "instances", 9).counted_in == 1
    assert filling.fired == 1
    assert used(world) == 2
    check(world)


def test_two_concurrent_removals_subtract_the_count_once(world: World) -> None:
    world.set_quota(9, "instances")
    made = claim(world, 3)
    drop(world, made)
    settle_capacity_claim(world.services, ORGANIZATION, made.id)
    world.db.before(
        "transact_write_items", lambda *_: settle_capacity_claim(world.services, ORGANIZATION, made.id)
    )
    assert settle_capacity_claim(world.services, ORGANIZATION, made.id) is Step.GONE
    assert used(world) == 0
    check(world)


def test_a_claim_that_a_new_limit_missed_is_counted_at_its_next_change(world: World) -> None:
    made = claim(world, 2)
    world.set_quota(3, "instances")
    with pytest.raises(QuotaExceeded):
        resize(world, made, 4)
    assert used(world) == 2
    resize(world, made, 3)
    assert used(world) == 3
    check(world)


def test_a_limit_that_changes_while_a_claim_is_made_is_respected(world: World) -> None:
    world.set_quota(9, "instances")
    world.db.before("transact_write_items", lambda *_: world.set_quota(3, "instances"))
    with pytest.raises(QuotaExceeded):
        claim(world, 4)
    made = claim(world, 1)
    world.db.before("transact_write_items", lambda *_: world.set_quota(2, "instances"))
    with pytest.raises(QuotaExceeded):
        resize(world, made, 3)
    assert used(world) == 1
    check(world)


def test_a_write_that_timed_out_is_counted_once(world: World) -> None:
    world.set_quota(3, "instances")
    world.db.after("transact_write_items", timeout_after())
    made = claim(world, 3, claim_id=ID)
    assert claim(world, 3, claim_id=ID).id == made.id
    assert used(world) == 3
    world.db.after("transact_write_items", timeout_after())
    assert figures(resize(world, made, 1)) == ("READY", 1, 0)
    assert used(world) == 1
    check(world)


def test_after_a_refusal_by_quota_no_claim_appears_later(world: World) -> None:
    world.set_quota(3, "instances")
    in_flight: list[dict[str, Any]] = []
    rivals: list[CapacityClaim] = []

    def lose_sight(operation: str, parameters: dict[str, Any]) -> None:
        in_flight.append(deepcopy(parameters))
        rivals.append(claim(world, 2))
        timeout_before()(operation, parameters)

    world.db.before("transact_write_items", lose_sight)
    with pytest.raises(QuotaExceeded):
        claim(world, 2, claim_id=ID)
    drop(world, rivals[0])
    calm(world)

    with pytest.raises(ClientError):
        world.db.transact_write_items(**in_flight[0])
    assert used(world) == 0
    # A claim that was never made does not use up its id.
    assert figures(claim(world, 2, claim_id=ID)) == ("READY", 2, 0)
    check(world)


def test_a_refusal_is_not_given_while_the_outcome_of_the_write_is_unknown(world: World) -> None:
    world.set_quota(3, "instances")

    def lose_sight(operation: str, parameters: dict[str, Any]) -> None:
        claim(world, 2)
        world.db.before("put_item", throttled(), times=None)
        timeout_before()(operation, parameters)

    world.db.before("transact_write_items", lose_sight)
    with pytest.raises(StorageUnavailable) as refused:
        claim(world, 2, claim_id=ID)
    assert refused.value.outcome_unknown


def test_a_claim_is_not_acknowledged_before_it_is_known_whether_a_limit_counts_it(world: World) -> None:
    # The read of the quota after the record fails, and meanwhile an operator sets a limit.
    world.db.after(
        "transact_write_items",
        lambda *_: world.db.before("get_item", throttled(), times=1),
    )
    with pytest.raises(StorageUnavailable):
        claim(world, 2, claim_id=ID)
    world.set_quota(3, "instances")

    assert now(world, claim(world, 2, claim_id=ID)).allocated == 2
    assert used(world) == 2
    check(world)

"""The quota on instances: met by the customer as a refusal, counted through a claim's life, never adrift."""

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


def test_what_is_asked_for_counts_and_not_what_was_found() -> None:
    world = World(pods=(pod("lon1", 1),))
    world.set_quota(10, "instances")
    claim(world, 9)
    assert used(world) == 9
    with pytest.raises(QuotaExceeded):
        claim(world, 2)


def test_growing_counts_more_shrinking_less_and_the_end_nothing(world: World) -> None:
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


def test_a_limit_set_later_counts_what_is_there_even_beyond_it(world: World) -> None:
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


def test_a_claim_that_changes_while_it_is_counted_in_is_counted_as_it_has_become(world: World) -> None:
    made = claim(world, 4)
    world.db.before("transact_write_items", lambda *_: resize(world, made, 1))
    book(world).set(ORGANIZATION, "instances", 9)
    assert used(world) == 1
    check(world)


def test_a_claim_that_is_filled_while_it_is_counted_in_is_counted_all_the_same() -> None:
    world = World(pods=(pod("lon1", 1),))
    blocking = reserve(world)
    claim(world, 2)
    release(world, blocking)
    filling = world.db.before("transact_write_items", lambda *_: fill_zones(world.services))
    assert book(world).set(ORGANIZATION, "instances", 9).counted_in == 1
    assert filling.fired == 1
    assert used(world) == 2
    check(world)


def test_two_removals_at_once_take_the_count_back_once(world: World) -> None:
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


def test_a_claim_that_was_missed_is_counted_when_it_changes_next(world: World) -> None:
    made = claim(world, 2)
    world.set_quota(3, "instances")
    with pytest.raises(QuotaExceeded):
        resize(world, made, 4)
    assert used(world) == 2
    resize(world, made, 3)
    assert used(world) == 3
    check(world)


def test_a_limit_that_moves_while_a_claim_is_made_is_believed(world: World) -> None:
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


def test_an_answer_that_is_lost_counts_once(world: World) -> None:
    world.set_quota(3, "instances")
    world.db.after("transact_write_items", timeout_after())
    made = claim(world, 3, claim_id=ID)
    assert claim(world, 3, claim_id=ID).id == made.id
    assert used(world) == 3
    world.db.after("transact_write_items", timeout_after())
    assert figures(resize(world, made, 1)) == ("READY", 1, 0)
    assert used(world) == 1
    check(world)


def test_after_a_quota_refusal_no_claim_appears_later(world: World) -> None:
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
    # A claim that never came to be does not use its id up.
    assert figures(claim(world, 2, claim_id=ID)) == ("READY", 2, 0)
    check(world)


def test_what_cannot_be_told_is_not_said(world: World) -> None:
    world.set_quota(3, "instances")

    def lose_sight(operation: str, parameters: dict[str, Any]) -> None:
        claim(world, 2)
        world.db.before("put_item", throttled(), times=None)
        timeout_before()(operation, parameters)

    world.db.before("transact_write_items", lose_sight)
    with pytest.raises(StorageUnavailable) as refused:
        claim(world, 2, claim_id=ID)
    assert refused.value.outcome_unknown


def test_a_claim_is_not_acknowledged_before_it_is_known_that_it_need_not_be_counted(world: World) -> None:
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

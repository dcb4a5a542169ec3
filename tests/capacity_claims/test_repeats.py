"""A POST without an id that is repeated: it returns the first one's claim, or a conflict of names."""

from __future__ import annotations

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.repeats import REPEAT_MS_MAX
from gpu_capacity.errors import AlreadyExists, QuotaExceeded
from testkit.auditor import instances_held
from testkit.auditor.claims import claim_records
from testkit.claims import (
    ID,
    LONDON,
    OTHER_ORGANIZATION,
    calm,
    check,
    claim,
    drop,
    figures,
    resize,
    stranger,
    wish,
)
from testkit.dynamodb import throttled
from testkit.world import World, caller

NAME = "training"
SECONDS_MAX = REPEAT_MS_MAX // 1000


def test_a_repeat_of_the_same_caller_returns_the_claim_and_writes_nothing(world: World) -> None:
    made = claim(world, 2, name=NAME)
    before = world.db.dump()
    assert claim(world, 2, name=NAME, services=world.environment()) == made
    assert world.db.dump() == before


@pytest.mark.parametrize(("seconds", "repeats"), [(0, True), (SECONDS_MAX, True), (SECONDS_MAX + 1, False)])
def test_a_request_counts_as_a_repeat_for_three_minutes(world: World, seconds: int, *, repeats: bool) -> None:
    made = claim(world, 2, name=NAME)
    world.clock.advance(seconds - 1)
    if repeats:
        assert claim(world, 2, name=NAME).id == made.id
    else:
        with pytest.raises(AlreadyExists, match=f"exists: its id is {made.id}"):
            claim(world, 2, name=NAME)
    assert len(claim_records(world.db)) == 1


def test_an_equal_request_of_another_caller_is_no_repeat(world: World) -> None:
    claim(world, 2, name=NAME)
    with pytest.raises(AlreadyExists):
        claim(world, 2, name=NAME, who=caller(subject="colleague-1"))


def test_another_organization_may_make_a_claim_of_that_name(world: World) -> None:
    mine = claim(world, 2, name=NAME)
    theirs = claim(world, 2, name=NAME, who=stranger())
    assert theirs.organization_id == OTHER_ORGANIZATION
    assert theirs.id != mine.id


@pytest.mark.parametrize(
    "other",
    [wish(3), wish(2, LONDON.upper()), wish(2)],
    ids=["another count", "another spelling", "another capacity type"],
)
def test_a_request_for_other_resources_under_the_name_is_no_repeat(world: World, other: object) -> None:
    claim(world, 2, name=NAME)
    if other == wish(2):
        other = type(wish(2))(wish(2).instance_id, 2, (LONDON,), "CAPACITY_TYPE_MANAGED")
    with pytest.raises(AlreadyExists):
        create_capacity_claim(world.services, caller(), other, name=NAME)  # type: ignore[arg-type]


def test_a_repeat_returns_the_claim_even_if_the_first_request_used_up_the_quota(world: World) -> None:
    world.set_quota(2, "instances")
    made = claim(world, 2, name=NAME)
    assert claim(world, 2, name=NAME).id == made.id
    with pytest.raises(QuotaExceeded):
        claim(world, 1, name="other")


def test_a_repeat_of_a_changed_claim_returns_it_as_it_is_now(world: World) -> None:
    made = claim(world, 2, name=NAME)
    resize(world, made, 3)
    assert figures(claim(world, 2, name=NAME)) == ("READY", 3, 0)
    with pytest.raises(AlreadyExists):
        claim(world, 3, name=NAME)


def test_a_claim_being_deleted_is_not_returned_to_a_repeat_and_a_gone_one_frees_its_name(
    world: World,
) -> None:
    made = claim(world, 2, name=NAME)
    drop(world, made)
    with pytest.raises(AlreadyExists, match=f"is being deleted: its id is {made.id}"):
        claim(world, 2, name=NAME)
    calm(world)
    again = claim(world, 2, name=NAME)
    assert again.id != made.id
    assert instances_held(world.db) == 2
    check(world)


def test_claims_without_a_name_are_never_repeats(world: World) -> None:
    assert claim(world, 1).id != claim(world, 1).id


@pytest.mark.parametrize(("first", "second"), [(ID, None), (None, ID)])
def test_a_request_with_an_id_is_repeated_only_under_that_id(
    world: World, first: str | None, second: str | None
) -> None:
    made = claim(world, 2, name=NAME, claim_id=first)
    with pytest.raises(AlreadyExists, match=f"of this name exists: its id is {made.id}"):
        claim(world, 2, name=NAME, claim_id=second)


def test_requests_of_two_clients_with_different_ids_are_no_repeats(world: World) -> None:
    claim(world, 2, name=NAME, claim_id=ID)
    with pytest.raises(AlreadyExists, match=f"its id is {ID}"):
        claim(world, 2, name=NAME, claim_id=ID.replace("0b9a", "0b9b"))


def test_two_concurrent_equal_requests_make_one_claim_and_both_return_it(
    world: World,
) -> None:
    rival = world.environment()
    answers = []

    def overtake(*_: object) -> None:
        answers.append(claim(world, 2, name=NAME, services=rival))

    world.db.before("transact_write_items", overtake)
    answers.append(claim(world, 2, name=NAME))
    assert len({answer.id for answer in answers}) == 1
    assert len(claim_records(world.db)) == 1
    assert instances_held(world.db) == 2
    check(world)


def test_of_two_concurrent_different_requests_for_one_name_one_gets_the_others_id(
    world: World,
) -> None:
    rival = world.environment()
    winners = []

    def overtake(*_: object) -> None:
        winners.append(claim(world, 1, name=NAME, services=rival))

    world.db.before("transact_write_items", overtake)
    with pytest.raises(AlreadyExists) as refused:
        claim(world, 2, name=NAME)
    assert winners[0].id in str(refused.value)
    check(world)


def test_a_name_that_becomes_free_before_the_look_up_is_taken(world: World) -> None:
    rival = world.environment()

    winners = []

    def overtake(*_: object) -> None:
        winners.append(claim(world, 1, name=NAME, services=rival))
        world.db.before("get_item", leave, only=lambda request: "CLAIMNAME#" in str(request))

    def leave(*_: object) -> None:
        drop(world, winners[0], services=rival)
        calm(world)

    world.db.before("transact_write_items", overtake)
    assert figures(claim(world, 2, name=NAME)) == ("READY", 2, 0)
    check(world)


def test_a_repeat_does_the_round_that_the_first_try_did_not_do(world: World) -> None:
    faults = world.db.before("transact_write_items", throttled(), times=None, skip=1)
    made = claim(world, 2, name=NAME)
    assert figures(made) == ("CREATING", 0, 2)
    faults.cancel()
    assert figures(claim(world, 2, name=NAME)) == ("READY", 2, 0)
    assert claim(world, 2, name=NAME).id == made.id
    check(world)


@pytest.mark.parametrize("named", [{"claim_id": ID}, {"idempotency_key": "key"}], ids=["id", "key"])
def test_a_dry_run_says_that_the_name_is_taken_and_so_does_its_repeat(
    world: World, named: dict[str, str]
) -> None:
    claim(world, 1, name=NAME)

    for dry_run in (True, False):
        with pytest.raises(AlreadyExists, match="of this name exists"):
            create_capacity_claim(world.services, caller(), wish(1), name=NAME, dry_run=dry_run, **named)

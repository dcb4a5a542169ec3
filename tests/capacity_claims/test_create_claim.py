"""Creating claims: ids chosen by clients, unique names, and timeouts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.delete import delete_capacity_claim
from gpu_capacity.capacity_claims.read import get_capacity_claim, list_capacity_claims
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.errors import (
    AlreadyExists,
    Forbidden,
    InvalidRequest,
    NotFound,
    RaceLost,
    StorageUnavailable,
)
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
    gone,
    now,
    resize,
    stranger,
    wish,
)
from testkit.dynamodb import Died, dies, throttled, timeout_after, timeout_before, transaction_conflict
from testkit.world import ORGANIZATION, World, caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.record import CapacityClaim

OTHER_ID = "0b9a3a58-4a1c-4f7e-9d5e-2f8f4a7c6d11"


def test_the_same_id_and_body_return_the_existing_claim(world: World) -> None:
    made = claim(world, 2, claim_id=ID, name="inference")
    before = world.db.dump()
    assert claim(world, 2, claim_id=ID, name="inference") == made
    assert world.db.dump() == before
    assert len(claim_records(world.db)) == 1


def test_a_repeat_returns_its_claim_however_it_was_changed_since(world: World) -> None:
    made = claim(world, 2, claim_id=ID)
    resize(world, made, 3)
    assert claim(world, 2, claim_id=ID).instance_count == 3


def test_a_repeat_returns_its_claim_even_if_the_zone_left_the_fleet(world: World) -> None:
    made = claim(world, 2, claim_id=ID)
    world.db.delete_item(TableName="inventory", Key={"pk": {"S": "CATALOG"}, "sk": {"S": f"REGION#{LONDON}"}})
    assert claim(world, 2, claim_id=ID, services=world.environment()).id == made.id


@pytest.mark.parametrize(("count", "name"), [(3, "inference"), (2, "other"), (2, None)])
def test_another_body_under_the_same_id_is_refused(world: World, count: int, name: str | None) -> None:
    claim(world, 2, claim_id=ID, name="inference")
    before = world.db.dump()
    with pytest.raises(AlreadyExists) as refused:
        claim(world, count, claim_id=ID, name=name)
    assert (refused.value.resource_type, refused.value.resource_name) == ("CapacityClaim", ID)
    assert world.db.dump() == before


def test_a_late_retry_of_a_deleted_claim_claims_nothing(world: World) -> None:
    made = claim(world, 2, claim_id=ID)
    drop(world, made)
    calm(world)
    with pytest.raises(AlreadyExists) as refused:
        claim(world, 2, claim_id=ID)
    assert refused.value.resource_name == ID
    assert instances_held(world.db) == 0


def test_two_organizations_may_choose_the_same_id_and_the_same_name(world: World) -> None:
    mine = claim(world, 2, claim_id=ID, name="inference")
    theirs = claim(world, 1, claim_id=ID, name="inference", who=stranger())
    assert figures(mine) == ("READY", 2, 0)
    assert figures(theirs) == ("READY", 1, 0)
    drop(world, theirs)
    calm(world)
    assert figures(now(world, mine)) == ("READY", 2, 0)
    check(world)


def test_names_are_unique_in_an_organization_until_the_claim_is_gone(world: World) -> None:
    made = claim(world, 1, name="inference")
    with pytest.raises(AlreadyExists) as refused:
        claim(world, 2, name="inference")
    assert refused.value.resource_name == "inference"
    assert made.id in str(refused.value)
    drop(world, made)
    with pytest.raises(AlreadyExists, match=f"is being deleted: its id is {made.id}"):
        claim(world, 2, name="inference")
    calm(world)
    assert claim(world, 1, name="inference").name == "inference"
    check(world)


def test_a_claim_without_a_name_is_named_after_its_id(world: World) -> None:
    made = claim(world, 1)
    assert made.name == f"claim-{made.id}"
    assert claim(world, 1, claim_id=ID).name == f"claim-{ID}"


@pytest.mark.parametrize("claim_id", [ID, None])
def test_a_timeout_after_the_record_was_written_makes_one_claim(world: World, claim_id: str | None) -> None:
    world.db.after("transact_write_items", timeout_after())
    made = claim(world, 2, claim_id=claim_id)
    assert figures(made) == ("READY", 2, 0)
    assert [record.id for record in claim_records(world.db)] == [made.id]
    check(world)


@pytest.mark.parametrize(("instances", "is_unseen"), [(3, True), (2, False)])
def test_a_claim_recorded_and_deleted_by_another_request_is_no_acknowledgement(
    world: World, instances: int, *, is_unseen: bool
) -> None:
    """A claim with another body is never this one; an equal one is this one only if one of its own tries
    timed out.
    """

    def others_meanwhile(operation: str, parameters: dict[str, Any]) -> None:
        _end(world, claim(world, instances, claim_id=ID))
        if is_unseen:
            timeout_before()(operation, parameters)

    world.db.before("transact_write_items", others_meanwhile)

    with pytest.raises(AlreadyExists, match="was deleted"):
        claim(world, 2, claim_id=ID)
    assert claim_records(world.db) == []
    check(world)


def _end(world: World, made: CapacityClaim) -> None:
    drop(world, made)
    calm(world)
    assert gone(world, made)


@pytest.mark.parametrize("claim_id", [ID, None])
def test_a_timeout_after_the_round_was_written_causes_no_failure(world: World, claim_id: str | None) -> None:
    world.db.after("transact_write_items", timeout_after(), skip=1)
    made = claim(world, 2, claim_id=claim_id)
    calm(world)
    assert figures(now(world, made)) == ("READY", 2, 0)
    assert instances_held(world.db) == 2
    check(world)


def test_a_throttled_create_writes_nothing(world: World) -> None:
    world.db.before("transact_write_items", throttled(), times=None)
    with pytest.raises(StorageUnavailable):
        claim(world, 2)
    assert claim_records(world.db) == []


def test_a_database_failure_after_the_record_does_not_fail_the_request(world: World) -> None:
    failing = world.db.before("query", throttled(), times=None)
    made = claim(world, 2, services=world.environment())
    assert figures(made) == ("CREATING", 0, 2)
    failing.cancel()
    calm(world)
    assert figures(now(world, made)) == ("READY", 2, 0)


def test_an_unavailable_workflow_service_does_not_fail_the_request(world: World) -> None:
    world.workflows.down = True
    failing = world.db.before("query", throttled(), times=None)
    assert figures(claim(world, 2, services=world.environment())) == ("CREATING", 0, 2)
    failing.cancel()
    assert world.telemetry.counts["WorkflowStartsFailed"] == 1


def test_transaction_conflicts_are_retried(world: World) -> None:
    world.db.before("transact_write_items", transaction_conflict(3, 0), times=5)
    assert figures(claim(world, 2)) == ("READY", 2, 0)
    assert world.pause.attempts[:5] == [0, 1, 2, 3, 4]


def test_a_repeat_continues_where_the_first_try_died(world: World) -> None:
    world.db.after("transact_write_items", dies)
    with pytest.raises(Died):
        claim(world, 2, claim_id=ID)
    assert figures(claim(world, 2, claim_id=ID)) == ("READY", 2, 0)


def test_a_repeated_update_continues_where_the_first_try_died(world: World) -> None:
    made = claim(world, 2)

    for count in (4, 1):
        world.db.after("*", dies, only=lambda asked: "Item" in asked or "TransactItems" in asked)
        with pytest.raises(Died):
            resize(world, made, count)
        assert figures(resize(world, made, count)) == ("READY", count, 0)
        check(world)


def powerless(*permissions: Permission, organization: str = ORGANIZATION) -> Caller:
    return caller(permissions=frozenset(permissions), organizations=frozenset({organization}))


def test_reading_and_writing_require_different_permissions(world: World) -> None:
    made = claim(world, 1)
    viewer = powerless(Permission.READ_CAPACITY_CLAIMS)
    admin = powerless(Permission.WRITE_CAPACITY_CLAIMS)
    assert get_capacity_claim(world.services, viewer, made.id) == made
    assert list_capacity_claims(world.services, viewer, None) == [made]
    assert update_capacity_claim(world.services, admin, made.id, wish(1)) == made
    calls: list[Callable[[], object]] = [
        lambda: create_capacity_claim(world.services, viewer, wish(1)),
        lambda: update_capacity_claim(world.services, viewer, made.id, wish(2)),
        lambda: delete_capacity_claim(world.services, viewer, made.id),
        lambda: get_capacity_claim(world.services, admin, made.id),
        lambda: list_capacity_claims(world.services, admin, None),
    ]
    for call in calls:
        with pytest.raises(Forbidden):
            call()


def test_a_claim_of_another_organization_is_not_found(world: World) -> None:
    made = claim(world, 1)
    other = stranger()
    assert list_capacity_claims(world.services, other, None) == []
    calls: list[Callable[[], object]] = [
        lambda: get_capacity_claim(world.services, other, made.id),
        lambda: update_capacity_claim(world.services, other, made.id, wish(2)),
        lambda: delete_capacity_claim(world.services, other, made.id),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert now(world, made) == made


def test_a_token_of_several_organizations_has_to_name_the_one_that_claims(world: World) -> None:
    several = caller(organizations=frozenset({ORGANIZATION, OTHER_ORGANIZATION}))
    with pytest.raises(InvalidRequest) as refused:
        create_capacity_claim(world.services, several, wish(1))
    assert refused.value.field == "header X-Organization-Id"
    made = create_capacity_claim(world.services, several.within(OTHER_ORGANIZATION), wish(1))
    assert made.organization_id == OTHER_ORGANIZATION
    with pytest.raises(Forbidden):
        caller().within(OTHER_ORGANIZATION)


def test_of_two_claims_under_one_id_a_member_of_both_organizations_always_sees_the_same(
    world: World,
) -> None:
    mine, theirs = claim(world, 1, claim_id=ID), claim(world, 2, claim_id=ID, who=stranger())
    several = caller(organizations=frozenset({ORGANIZATION, OTHER_ORGANIZATION}))
    first = min(mine, theirs, key=lambda made: made.organization_id)
    assert get_capacity_claim(world.services, several, ID) == now(world, first)


def test_the_list_has_only_claims_updated_strictly_after_the_given_time(world: World) -> None:
    first, second = claim(world, 1), claim(world, 1)
    who = caller()
    latest, last = first.updated_us / 1_000_000, second.updated_us / 1_000_000
    ids = {
        after: [c.id for c in list_capacity_claims(world.services, who, after)]
        for after in (latest - 1, latest, last - 0.000001, last)
    }
    assert list(ids.values()) == [sorted([first.id, second.id]), [second.id], [second.id], []]
    resize(world, first, 2)
    assert [c.id for c in list_capacity_claims(world.services, who, last)] == [first.id]


def test_however_often_a_claim_changes_its_update_time_is_not_ahead_of_the_clock(world: World) -> None:
    made = claim(world, 1)
    for count in range(60):
        world.clock.advance_ms(1)
        before = now(world, made)
        update_capacity_claim(world.services, caller(), made.id, wish(2 + count % 2))
        after = now(world, made)
        assert before.updated_us < after.updated_us <= world.clock.now_us() + 1


def test_polling_with_the_last_update_time_shows_a_change_of_the_same_millisecond(world: World) -> None:
    made = claim(world, 1)
    seen = now(world, made).updated_us / 1_000_000
    update_capacity_claim(world.services, caller(), made.id, wish(2))
    assert [c.id for c in list_capacity_claims(world.services, caller(), seen)] == [made.id]


def test_an_update_that_loses_every_race_is_reported_as_not_decided(world: World) -> None:
    made = claim(world, 1)

    def grow(*_: object) -> None:
        resize(world, made, now(world, made).instance_count + 1)

    for operation in ("put_item", "transact_write_items"):
        world.db.before(operation, grow, times=None)
    with pytest.raises(RaceLost):
        resize(world, made, 900)
    check(world)


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("resources.instance_id", {"instance_id": "h200-8x"}),
        ("resources.capacity_type", {"capacity_type": "CAPACITY_TYPE_MANAGED"}),
    ],
)
def test_instance_and_capacity_type_cannot_be_changed(
    world: World, field: str, changed: dict[str, str]
) -> None:
    made = claim(world, 1)
    with pytest.raises(InvalidRequest) as refused:
        update_capacity_claim(world.services, caller(), made.id, replace(wish(1), **changed))  # type: ignore[arg-type]
    assert refused.value.field == field

"""Zones and instance types compare without case, and are returned as they were sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.fill_queues import fill_zone
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.errors import InvalidRequest
from testkit.claims import (
    CHICAGO,
    CUSTOMER,
    LONDON,
    check,
    claim,
    figures,
    now,
    release,
    reserve,
)
from testkit.handlers import claim_stage as given
from testkit.handlers.arrangements import sample
from testkit.handlers.claim_stage import CLAIM_ID, varied
from testkit.world import INSTANCE_TYPE, World, caller, pod, zone

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from testkit.handlers.claim_stage import ClaimStage
    from testkit.handlers.stage import Answer

TYPE = INSTANCE_TYPE.upper()


@pytest.fixture
def world() -> World:
    return World(pods=(pod("lon1", 2), pod("chi1", 2, region_id=CHICAGO)))


def ask(world: World, count: int, *zones: str, instance_id: str = TYPE) -> CapacityClaim:
    return create_capacity_claim(world.services, caller(), Resources(instance_id, count, zones, CUSTOMER))


def spec(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json["capacityClaim"]["spec"]["resources"]
    return found


def test_another_case_names_the_same_zone_and_type_and_is_returned_as_it_was_sent(stage: ClaimStage) -> None:
    sample(stage)
    sent: dict[str, Any] = {"instanceId": "GB300-4X", "zones": ["US-Chi-1", "uk-lon-1"]}
    made = stage.request("create_capacity_claim", varied(**sent))
    read = stage.request_event("get_capacity_claim", "found")
    listed = stage.request_event("list_capacity_claims", "all").json["capacityClaims"][0]
    for resources in (spec(made), spec(read), listed["spec"]["resources"]):
        assert {name: resources[name] for name in sent} == sent
    conditions = read.json["capacityClaim"]["status"]["conditions"]
    assert [condition["zone"] for condition in conditions] == ["US-Chi-1", "uk-lon-1", ""]
    assert made.json["capacityClaim"]["status"]["allocatedInstances"] == 10


def test_an_update_may_spell_them_differently_and_returns_the_new_spelling(stage: ClaimStage) -> None:
    given.claimed(stage)
    sent: dict[str, Any] = {"instanceId": "GB300-4x", "zones": ["US-CHI-1", "UK-LON-1"]}
    for _ in range(2):
        resources = spec(
            stage.request("update_capacity_claim", varied("grown", "update_capacity_claim", **sent))
        )
        assert {name: resources[name] for name in sent} == sent
    back: dict[str, Any] = {"instanceId": "gb300-4x", "zones": ["us-chi-1", "uk-lon-1"]}
    resources = spec(stage.request("update_capacity_claim", varied("grown", "update_capacity_claim", **back)))
    assert {name: resources[name] for name in back} == back
    assert spec(stage.request_event("get_capacity_claim", "found")) == resources
    assert CLAIM_ID in stage.request_event("get_capacity_claim", "found").json["capacityClaim"]["spec"]["id"]


def test_claims_of_any_spelling_are_in_one_queue(world: World) -> None:
    held = reserve(world, 2)
    older = ask(world, 3, LONDON.upper())
    world.clock.advance(1)
    younger = claim(world, 2, LONDON)
    assert (figures(older), figures(younger)) == (("CREATING", 0, 3), ("CREATING", 0, 2))
    release(world, held)
    fill_zone(world.services, LONDON, INSTANCE_TYPE)
    assert (figures(now(world, older)), figures(now(world, younger))) == (("READY", 3, 0), ("CREATING", 1, 1))
    check(world)


def test_a_claim_keeps_a_zone_that_left_the_catalogue_in_any_spelling(world: World) -> None:
    made = claim(world, 1, LONDON, CHICAGO)
    world.db.delete_item(
        TableName="inventory", Key={"pk": {"S": "CATALOG"}, "sk": {"S": f"REGION#{CHICAGO}"}}
    )
    changed = update_capacity_claim(
        world.environment(), caller(), made.id, Resources(TYPE, 2, (LONDON, CHICAGO.upper()), CUSTOMER)
    )
    assert (changed.zones, changed.zones_sent) == ((LONDON, CHICAGO), (LONDON, CHICAGO.upper()))


def test_of_zones_that_differ_only_in_case_the_exact_one_is_meant_and_no_other_is_guessed() -> None:
    twins = (zone("Zone-A"), zone("zone-a"))
    world = World(pods=(pod("p1", 1, region_id="zone-a"), pod("p2", 1, region_id="Zone-A")), regions=twins)
    assert ask(world, 1, "zone-a", instance_id=INSTANCE_TYPE).zones == ("zone-a",)
    assert ask(world, 1, "Zone-A", instance_id=INSTANCE_TYPE).zones == ("Zone-A",)
    with pytest.raises(InvalidRequest, match=r"zones\[0\]: several zones"):
        ask(world, 1, "ZONE-A", instance_id=INSTANCE_TYPE)


def test_a_zone_of_another_organization_is_not_found_in_another_spelling_either() -> None:
    theirs = replace(zone("zone-a"), organizations=frozenset({"somebody-else"}))
    world = World(pods=(pod("p1", 1, region_id="zone-a"),), regions=(theirs,))
    for spelling in ("zone-a", "ZONE-A"):
        with pytest.raises(InvalidRequest, match=r"zones\[0\]: no such zone"):
            ask(world, 1, spelling, instance_id=INSTANCE_TYPE)
